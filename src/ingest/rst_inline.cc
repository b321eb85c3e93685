// One pass. A start that finds no end is remembered, because an end depends on its own place only: no later start of
// that kind is looked up again, so the pass stays linear.
#include "ingest/rst_inline.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

enum Delimiter { Literal, Strong, Emphasis, Interpreted, Substitution, kDelimiters };
constexpr std::array<std::string_view, kDelimiters> kSigns = {"``", "**", "*", "`", "|"};
constexpr std::size_t kMaxRole = 64;   // bytes of a role's name
constexpr std::size_t kMaxNote = 100;  // bytes of a footnote's label

bool is_space(char c) {
  return c == ' ' || c == '\n';
}
bool is_word(char c) {
  return c < 0 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_role_sign(char c) {
  return is_word(c) || std::string_view("-_.+:").find(c) != std::string_view::npos;
}

// Quotation marks, dashes, brackets of other scripts.
bool is_punctuation(char32_t c) {
  return (c >= 0x2010 && c <= 0x205E) || (c >= 0x3000 && c <= 0x301F) || (c >= 0xFF01 && c <= 0xFF0F) || c == 0xA1 ||
         c == 0xAB || c == 0xB7 || c == 0xBB || c == 0xBF || c == 0xA0;
}

char32_t code_point_before(std::string_view text, std::size_t at) {
  constexpr std::size_t kLongest = 4;
  for (std::size_t n = 1; n <= kLongest && n <= at; ++n) {
    if ((static_cast<unsigned char>(text[at - n]) & 0xC0U) != 0x80U) return decode_utf8(text, at - n).value;
  }
  return 0;
}

// Without the backslashes; an escaped white space vanishes.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      if (!is_space(text[++i])) out += text[i];
    } else if (text[i] != '\\') {
      out += text[i];
    }
  }
  return out;
}

// "text <target>": where the target begins ("<"), or nothing.
std::optional<std::size_t> target_of(std::string_view content) {
  if (!content.ends_with('>')) return std::nullopt;
  const std::size_t open = content.rfind('<');
  if (open == std::string_view::npos || (open > 0 && !is_space(content[open - 1]))) return std::nullopt;
  return open;
}

std::string linked_text(std::string_view content) {
  const auto open = target_of(content);
  if (!open) return unescaped(content);
  const std::string_view shown = trim(content.substr(0, *open));
  return unescaped(shown.empty() ? content.substr(*open + 1, content.size() - *open - 2) : shown);
}

class InlineText {
 public:
  InlineText(std::string_view text, RstNames& names) : text_(text), names_(names) {}
  std::string run() {
    while (at_ < text_.size()) {
      if (!markup()) out_ += text_[at_++];
    }
    return std::move(out_);
  }

 private:
  // Takes what begins at at_; false: it is a plain character.
  bool markup() {
    switch (text_[at_]) {
      case '\\':
        return escape();
      case ':':
        return starts(1) && role_before();
      case '*':
        return delimited(next_is("**") ? Strong : Emphasis);
      case '`':
        return next_is("``") ? delimited(Literal) : delimited(Interpreted);
      case '|':
        return delimited(Substitution);
      case '_':
        return next_is("_`") ? starts(2) && inline_target() : reference_end();
      case '[':
        return starts(1) && note_reference();
      default:
        return false;
    }
  }

  [[nodiscard]] bool next_is(std::string_view sign) const { return text_.substr(at_).starts_with(sign); }

  bool escape() {
    if (at_ + 1 < text_.size() && !is_space(text_[at_ + 1])) out_ += text_[at_ + 1];
    at_ += 2;
    return true;
  }

  // May markup of n bytes begin here?
  [[nodiscard]] bool starts(std::size_t n) const {
    const std::size_t next = at_ + n;
    if (next >= text_.size() || is_space(text_[next])) return false;
    if (at_ == 0) return true;
    const char before = text_[at_ - 1];
    if (before < 0) return is_punctuation(code_point_before(text_, at_));
    if (!is_space(before) && std::string_view("'\"([{<-/:").find(before) == std::string_view::npos) return false;
    // (*) and "`" quote the sign itself.
    const std::size_t quote = std::string_view("'\"([{<").find(before);
    return quote == std::string_view::npos || text_[next] != std::string_view("'\")]}>")[quote];
  }

  [[nodiscard]] bool may_end(std::size_t next) const {
    if (next >= text_.size() || is_space(text_[next])) return true;
    if (text_[next] < 0) return is_punctuation(decode_utf8(text_, next).value);
    return std::string_view("'\")]}>-/\\:.,;!?").find(text_[next]) != std::string_view::npos;
  }

  // Length of what may follow the closing sign: "_", "__", ":role:".
  [[nodiscard]] std::size_t suffix(Delimiter kind, std::size_t next) const {
    if (kind != Interpreted && kind != Substitution) return 0;
    if (text_.substr(next).starts_with("__")) return 2;
    if (text_.substr(next).starts_with("_")) return 1;
    return kind == Interpreted ? role_length(next) : 0;
  }

  [[nodiscard]] std::size_t role_length(std::size_t from) const {
    if (from >= text_.size() || text_[from] != ':') return 0;
    std::size_t end = from + 1;
    while (end < text_.size() && end - from < kMaxRole && is_role_sign(text_[end])) ++end;
    const std::size_t last = text_.substr(0, end).rfind(':');
    return last > from + 1 && is_word(text_[from + 1]) ? last + 1 - from : 0;
  }

  // Where the sign that closes markup stands whose content begins at from.
  std::optional<std::size_t> find_end(Delimiter kind, std::size_t from) {
    if (endless_[kind]) return std::nullopt;
    const std::string_view sign = kSigns[kind];
    for (std::size_t p = text_.find(sign, from + 1); p != std::string_view::npos; p = text_.find(sign, p + 1)) {
      if (is_space(text_[p - 1])) continue;
      const bool escaped = kind != Literal && text_[p - 1] == '\\' && !(p >= 2 && text_[p - 2] == '\\');
      if (escaped) continue;
      const std::size_t next = p + sign.size();
      if (may_end(next + suffix(kind, next)) || (kind == Interpreted && may_end(next))) return p;
    }
    endless_[kind] = true;
    return std::nullopt;
  }

  bool delimited(Delimiter kind, std::string_view role = {}) {
    const std::size_t n = kSigns[kind].size();
    if (role.empty() && !starts(n)) return false;
    const auto end = find_end(kind, at_ + n);
    if (!end) {
      if (!role.empty()) return false;
      out_ += kSigns[kind];
      at_ += n;
      return true;
    }
    const std::string_view content = text_.substr(at_ + n, *end - at_ - n);
    std::size_t after = *end + n;
    const std::size_t extra = suffix(kind, after);
    if (extra > 0 && may_end(after + extra)) {
      const std::string_view tail = text_.substr(after, extra);
      if (tail[0] == ':') role = tail.substr(1, tail.size() - 2);
      linked_ = tail[0] == '_';
      after += extra;
    }
    add_content(kind, content, role);
    linked_ = false;
    at_ = after;
    return true;
  }

  void add_content(Delimiter kind, std::string_view content, std::string_view role) {
    switch (kind) {
      case Literal:
        out_ += content;
        return;
      case Substitution:
        substitute(content);
        return;
      case Interpreted:
        out_ += role.empty() ? (linked_ ? linked_text(content) : unescaped(content)) : role_text(role, content);
        return;
      default:
        out_ += unescaped(content);
    }
  }

  void substitute(std::string_view name) {
    const auto found = names_.substitutions.find(rst_name(name));
    if (found == names_.substitutions.end()) {
      out_ += name;
    } else if (found->second.size() > names_.budget) {
      ++names_.n_refused;
      out_ += name;
    } else {
      names_.budget -= found->second.size();
      out_ += found->second;
    }
  }

  // :role:`content`
  bool role_before() {
    const std::size_t n = role_length(at_);
    if (n == 0 || at_ + n + 1 >= text_.size() || text_[at_ + n] != '`' || is_space(text_[at_ + n + 1])) return false;
    const std::string_view role = text_.substr(at_ + 1, n - 2);
    const std::size_t before = at_;
    at_ += n;
    if (delimited(Interpreted, role)) return true;
    at_ = before;
    return false;
  }

  [[nodiscard]] std::string role_text(std::string_view role, std::string_view content) const {
    const std::string_view name = role.substr(role.rfind(':') + 1);  // py:func → func
    if (name.starts_with("raw")) return "";
    if (name == "math" || name == "code" || name == "literal") return std::string(content);
    if (name == "pep") return "PEP " + linked_text(content);
    if (name == "rfc") return "RFC " + linked_text(content);
    if (const auto open = target_of(content); open && *open > 0) return linked_text(content);
    std::string text = unescaped(content);
    if (name == "ref" || name == "numref") {
      const auto title = names_.labels.find(rst_name(text));
      return title == names_.labels.end() ? text : title->second;
    }
    if (text.starts_with('!')) text.erase(0, 1);
    if (text.starts_with('~')) text.erase(0, text.rfind('.') == std::string::npos ? 1 : text.rfind('.') + 1);
    return text;
  }

  // _`inline target`
  bool inline_target() {
    const auto end = find_end(Interpreted, at_ + 2);
    if (!end) return false;
    out_ += unescaped(text_.substr(at_ + 2, *end - at_ - 2));
    at_ = *end + 1;
    return true;
  }

  // name_ and name__
  bool reference_end() {
    const std::size_t n = next_is("__") ? 2 : 1;
    if (!may_end(at_ + n) || at_ == 0 || !is_word(text_[at_ - 1])) return false;
    std::size_t begin = at_;
    while (begin > 0 &&
           (is_word(text_[begin - 1]) || (begin >= 2 && is_role_sign(text_[begin - 1]) && is_word(text_[begin - 2])))) {
      --begin;
    }
    if (begin > 0 && std::string_view(" \n'\"([{<-/:").find(text_[begin - 1]) == std::string_view::npos) return false;
    at_ += n;
    return true;
  }

  // [1]_, [#name]_, [CIT2002]_
  bool note_reference() {
    const std::size_t close = text_.substr(0, at_ + kMaxNote).find(']', at_);
    if (close == std::string_view::npos || close == at_ + 1 || close + 1 >= text_.size() || text_[close + 1] != '_' ||
        !may_end(close + 2)) {
      return false;
    }
    const std::string_view label = text_.substr(at_ + 1, close - at_ - 1);
    const auto sign = [](char c) { return is_role_sign(c) || c == '#' || c == '*'; };
    if (!std::all_of(label.begin(), label.end(), sign)) return false;
    out_ += text_.substr(at_, close + 1 - at_);
    at_ = close + 2;
    return true;
  }

  std::string_view text_;
  RstNames& names_;
  std::size_t at_ = 0;
  std::string out_;
  std::array<bool, kDelimiters> endless_{};
  bool linked_ = false;  // the content that is read ends in "_"
};

}  // namespace

std::string rst_name(std::string_view name) {
  std::string out;
  for (const char c : lower_ascii(trim(name))) {
    if (!is_space(c)) {
      out += c;
    } else if (!out.ends_with(' ')) {
      out += ' ';
    }
  }
  return out;
}

std::string rst_inline(std::string_view text, RstNames& names) {
  return InlineText(text, names).run();
}

}  // namespace faqsmith
