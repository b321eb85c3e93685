// One pass over the bytes, then one over the tags that links each block's branches.
#include "text/jinja_lexer.h"

#include <array>

#include "base/strings.h"
#include "text/strip.h"
#include "text/utf8.h"

namespace faqsmith::jinja {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Python's "unicode-escape" for what occurs in templates; other escapes keep their backslash, as there.
void append_escape(std::string_view text, std::size_t& at, std::string& out) {
  constexpr std::string_view kLetters = "ntrabfv\\'\"", kMeanings = "\n\t\r\a\b\f\v\\'\"";
  const char c = text[at++];
  if (const std::size_t found = kLetters.find(c); found != std::string_view::npos) {
    out.push_back(kMeanings[found]);
  } else if (c == 'x' || c == 'u' || c == 'U') {
    const std::size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    char32_t value = 0;
    for (std::size_t i = 0; i < n; ++i, ++at) {
      constexpr std::string_view kHex = "0123456789abcdef";
      const std::size_t digit = at < text.size() ? kHex.find(lower_ascii(text.substr(at, 1))) : std::string_view::npos;
      if (digit == std::string_view::npos) throw Unsupported("a string has a broken escape");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) throw Unsupported("a string has a broken escape");
    append_utf8(out, value);
  } else if (is_digit(c)) {
    throw Unsupported("a string has an octal escape");
  } else if (c != '\n') {
    out.push_back('\\');
    out.push_back(c);
  }
}

std::string normal_line_ends(std::string_view source) {
  std::string text = replace_all(replace_all(std::string(source), "\r\n", "\n"), "\r", "\n");
  if (text.ends_with('\n')) text.pop_back();  // as Jinja does without keep_trailing_newline
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normal_line_ends(source)), rest_(source_) {}

  std::vector<Part> run() {
    while (at_ < rest_.size()) {
      const std::size_t open = find_tag();
      add_text(open);
      if (open == rest_.size()) break;
      at_ = open + 2;
      if (at_ < rest_.size() && (rest_[at_] == '-' || rest_[at_] == '+')) ++at_;
      if (rest_[open + 1] == '#') {
        skip_comment();
      } else {
        read_tag(rest_[open + 1] == '{' ? PartKind::Output : PartKind::Block);
      }
      starts_line_ = rest_[at_ - 1] == '\n';
    }
    return std::move(parts_);
  }

 private:
  [[nodiscard]] std::size_t find_tag() const {
    for (std::size_t i = rest_.find('{', at_); i != std::string_view::npos; i = rest_.find('{', i + 1)) {
      if (i + 1 < rest_.size() && (rest_[i + 1] == '{' || rest_[i + 1] == '%' || rest_[i + 1] == '#')) return i;
    }
    return rest_.size();
  }

  void add_text(std::size_t open) {
    std::string_view text = rest_.substr(at_, open - at_);
    const char sign = open + 2 < rest_.size() ? rest_[open + 2] : ' ';
    if (open < rest_.size() && sign == '-') {
      text = strip_right(text);
    } else if (open < rest_.size() && sign != '+' && rest_[open + 1] != '{') {
      const std::size_t line = text.rfind('\n') + 1;  // 0 if the text has no line end
      if ((line > 0 || starts_line_) && strip(text.substr(line)).empty()) text = text.substr(0, line);
    }
    if (!text.empty()) parts_.push_back({.kind = PartKind::Text, .text = std::string(text)});
  }

  void skip_white_space() { at_ += rest_.size() - at_ - strip_left(rest_.substr(at_)).size(); }

  // After a tag's end, whose sign is '-', '+' or anything else.
  void end_tag(char sign, bool drops_line_end) {
    if (sign == '-') {
      skip_white_space();
    } else if (sign != '+' && drops_line_end && at_ < rest_.size() && rest_[at_] == '\n') {
      ++at_;
    }
  }

  void skip_comment() {
    const std::size_t end = rest_.find("#}", at_);
    if (end == std::string_view::npos) throw Unsupported("a comment does not end");
    const char sign = end > at_ ? rest_[end - 1] : ' ';
    at_ = end + 2;
    end_tag(sign, true);
  }

  void read_tag(PartKind kind) {
    const std::string_view close = kind == PartKind::Output ? "}}" : "%}";
    Part part{.kind = kind};
    for (int braces = 0;;) {
      skip_white_space();
      if (at_ >= rest_.size()) throw Unsupported("a tag does not end");
      const bool has_sign = rest_[at_] == '-' || (rest_[at_] == '+' && kind == PartKind::Block);
      if (braces == 0 && rest_.substr(at_ + (has_sign ? 1 : 0)).starts_with(close)) {
        const char sign = rest_[at_];
        at_ += has_sign ? 3 : 2;
        end_tag(sign, kind == PartKind::Block);
        break;
      }
      part.tokens.push_back(read_token());
      if (part.tokens.back().kind != TokenKind::Operator) continue;
      const std::string& op = part.tokens.back().text;
      if (op == "{" || op == "[" || op == "(") ++braces;
      if ((op == "}" || op == "]" || op == ")") && --braces < 0) throw Unsupported("a bracket closes that is not open");
    }
    parts_.push_back(std::move(part));
  }

  Token read_token() {
    const char c = rest_[at_];
    const std::size_t begin = at_;
    if (c == '\'' || c == '"') return read_string(c);
    if (is_letter(c)) {
      while (at_ < rest_.size() && (is_letter(rest_[at_]) || is_digit(rest_[at_]))) ++at_;
      return {TokenKind::Name, std::string(rest_.substr(begin, at_ - begin))};
    }
    if (is_digit(c)) {
      while (at_ < rest_.size() && is_digit(rest_[at_])) ++at_;
      return {TokenKind::Number, std::string(rest_.substr(begin, at_ - begin))};
    }
    for (const std::string_view two : {"==", "!=", "<=", ">=", "//", "**"}) {
      if (!rest_.substr(at_).starts_with(two)) continue;
      at_ += 2;
      return {TokenKind::Operator, std::string(two)};
    }
    if (std::string_view("+-*/%~[](){}<>=.:|,").find(c) == std::string_view::npos)
      throw Unsupported("a tag has a character that Jinja does not know");
    ++at_;
    return {TokenKind::Operator, std::string(1, c)};
  }

  Token read_string(char quote) {
    Token token{TokenKind::String, {}};
    for (++at_;;) {
      if (at_ >= rest_.size()) throw Unsupported("a string does not end");
      const char c = rest_[at_++];
      if (c == quote) return token;
      if (c != '\\') {
        token.text.push_back(c);
      } else {
        if (at_ >= rest_.size()) throw Unsupported("a string does not end");
        append_escape(rest_, at_, token.text);
      }
    }
  }

  std::string source_;
  std::string_view rest_;  // all of source_
  std::size_t at_ = 0;
  bool starts_line_ = true;
  std::vector<Part> parts_;
};

bool opens(const Part& part) {
  const std::string_view name = block_name(part);
  if (name == "set") {  // "{% set x %}text{% endset %}" has no "="
    for (const Token& token : part.tokens)
      if (token.kind == TokenKind::Operator && token.text == "=") return false;
    return true;
  }
  return name == "for" || name == "if" || name == "macro" || name == "call" || name == "filter" || name == "raw" ||
         name == "block" || name == "with" || name == "autoescape" || name == "trans";
}

void link_blocks(std::vector<Part>& parts) {
  struct Open {
    std::string name;
    std::size_t last;  // its last branch so far
  };
  std::vector<Open> open;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view name = block_name(parts[i]);
    if (opens(parts[i])) {
      open.push_back({std::string(name), i});
    } else if (name == "elif" || name == "else") {
      if (open.empty() || (open.back().name != "if" && (name == "elif" || open.back().name != "for")))
        throw Unsupported("a branch stands outside of a block");
      parts[open.back().last].next = i;
      open.back().last = i;
    } else if (name.starts_with("end") && name != "endgeneration") {
      if (open.empty() || name.substr(3) != open.back().name) throw Unsupported("a block ends that is not open");
      parts[open.back().last].next = i;
      open.pop_back();
    }
  }
  if (!open.empty()) throw Unsupported("a block \"" + open.back().name + "\" does not end");
}

}  // namespace

std::string_view block_name(const Part& part) {
  if (part.kind != PartKind::Block || part.tokens.empty() || part.tokens[0].kind != TokenKind::Name) return {};
  return part.tokens[0].text;
}

std::vector<Part> read_parts(std::string_view source) {
  std::vector<Part> parts = Lexer(source).run();
  link_blocks(parts);
  return parts;
}

}  // namespace faqsmith::jinja
