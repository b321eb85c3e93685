// A recursive-descent parser, bounded by kMaxGroups.
#include "infer/regex.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

constexpr char32_t kLast = 0x10FFFF;

CharacterSet normal(CharacterSet set) {
  std::sort(set.begin(), set.end(), [](const CodeRange& a, const CodeRange& b) { return a.low < b.low; });
  CharacterSet out;
  for (const CodeRange& range : set) {
    if (!out.empty() && range.low <= out.back().high + 1) {
      out.back().high = std::max(out.back().high, range.high);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

CharacterSet complement(const CharacterSet& set) {
  CharacterSet out;
  char32_t next = 0;
  for (const CodeRange& range : set) {
    if (range.low > next) out.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kLast) out.push_back({next, kLast});
  return out;
}

CharacterSet without_surrogates(const CharacterSet& set) {
  CharacterSet out;
  for (const CodeRange& range : set) {
    if (range.low < 0xD800) out.push_back({range.low, std::min<char32_t>(range.high, 0xD7FF)});
    if (range.high > 0xDFFF) out.push_back({std::max<char32_t>(range.low, 0xE000), range.high});
  }
  return out;
}

const CharacterSet kDigits = {{'0', '9'}};
const CharacterSet kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharacterSet kSpace = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                             {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharacterSet kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

std::optional<CharacterSet> class_of(char32_t letter) {
  switch (letter) {
    case 'd':
      return kDigits;
    case 'D':
      return complement(kDigits);
    case 'w':
      return kWord;
    case 'W':
      return complement(kWord);
    case 's':
      return kSpace;
    case 'S':
      return complement(kSpace);
    default:
      return std::nullopt;
  }
}

bool is_letter_or_digit(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

class Parser {
 public:
  Parser(std::u32string text, const std::string& place) : text_(std::move(text)), place_(place) {}

  Regex parse() {
    do {
      Regex::Alternative alternative;
      if (peek() == '^') alternative.from_start = true, ++at_;
      alternative.node = sequence(0);
      if (peek() == '$') alternative.to_end = true, ++at_;
      if (peek() == ')') refuse("a ) that closes nothing");
      if (at_ < text_.size() && peek() != '|') refuse("an anchor inside the pattern is not supported");
      out_.alternatives.push_back(alternative);
    } while (take('|'));
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Kind::User, fmt::format("{}, character {}: {}", place_, at_ + 1, what),
                "write it with characters, classes, groups, |, ?, *, + and {m,n} only");
  }
  [[nodiscard]] char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : kEnd;
  }
  bool take(char32_t c) { return peek() == c ? (++at_, true) : false; }
  int add(Regex::Node node) {
    out_.nodes.push_back(std::move(node));
    return static_cast<int>(out_.nodes.size()) - 1;
  }
  int add_set(CharacterSet set) {
    return add({.kind = Regex::Kind::Set, .set = without_surrogates(normal(std::move(set)))});
  }

  int choice(int depth) {
    std::vector<int> branches = {sequence(depth)};
    while (take('|')) branches.push_back(sequence(depth));
    if (branches.size() == 1) return branches[0];
    return add({.kind = Regex::Kind::Choice, .children = std::move(branches)});
  }

  int sequence(int depth) {
    std::vector<int> parts;
    for (char32_t c = peek(); c != kEnd && c != '|' && c != ')'; c = peek()) {
      if (c == '$' && depth == 0) break;
      parts.push_back(repeated(atom(depth)));
    }
    return add({.kind = Regex::Kind::Sequence, .children = std::move(parts)});
  }

  int repeated(int node) {
    int least = 0, most = Regex::kUnbounded;
    switch (peek()) {
      case '*':
        ++at_;
        break;
      case '+':
        ++at_;
        least = 1;
        break;
      case '?':
        ++at_;
        most = 1;
        break;
      case '{':
        bounds(least, most);
        break;
      default:
        return node;
    }
    take('?');  // lazy: which match is found first is no question here
    if (peek() == '+') refuse("a possessive repetition is not supported");
    if (peek() == '*' || peek() == '?' || peek() == '{') refuse("a repetition of a repetition; put it into a group");
    return add({.kind = Regex::Kind::Repeat, .children = {node}, .least = least, .most = most});
  }

  void bounds(int& least, int& most) {
    const std::size_t begin = at_++;
    const auto number = [&]() -> std::optional<int> {
      std::optional<int> n;
      for (; peek() >= '0' && peek() <= '9'; ++at_) {
        n = n.value_or(0) * 10 + static_cast<int>(peek() - '0');
        if (*n > Regex::kMaxRepeat) refuse(fmt::format("a repetition above {}", Regex::kMaxRepeat));
      }
      return n;
    };
    const auto low = number();
    auto high = low;
    bool valid = low.has_value();
    if (take(',')) high = peek() == '}' ? std::optional(Regex::kUnbounded) : number();
    valid = valid && high && take('}');
    if (!valid) {
      at_ = begin;
      refuse("a { that is no {m}, {m,} or {m,n}; write \\{ for the character");
    }
    least = *low;
    most = *high;
    if (most != Regex::kUnbounded && most < least) refuse("a repetition whose bounds are exchanged");
  }

  int atom(int depth) {
    const char32_t c = peek();
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return bracket();
      case '.':
        ++at_;
        return add_set(complement(kLineEnds));
      case '\\':
        return add_set(escape(false));
      case '*':
      case '+':
      case '?':
        refuse("nothing to repeat");
      case '{':
        refuse("a { that repeats nothing; write \\{ for the character");
      case '^':
      case '$':
        refuse("an anchor inside the pattern is not supported");
      default:
        ++at_;
        return add_set({{c, c}});
    }
  }

  int group(int depth) {
    if (depth >= Regex::kMaxGroups) refuse(fmt::format("more than {} groups inside each other", Regex::kMaxGroups));
    if (peek(1) == '?') {
      const char32_t kind = peek(2), next = peek(3);
      if (kind == '=' || kind == '!') refuse("lookahead is not supported");
      if (kind == '<' && (next == '=' || next == '!')) refuse("lookbehind is not supported");
      if (kind == '>') refuse("an atomic group is not supported");
      if (kind == 'P' && next == '=') refuse("a back-reference is not supported");
      if (kind == '(') refuse("a conditional is not supported");
      if (kind == '#') refuse("a comment is not supported");
      if (kind == ':') {
        at_ += 3;
      } else if (kind == '<' || (kind == 'P' && next == '<')) {
        at_ += kind == 'P' ? 4 : 3;
        while (is_letter_or_digit(peek()) || peek() == '_') ++at_;
        if (!take('>')) refuse("a group's name is letters, digits and _");
      } else {
        refuse("flags are not supported");
      }
    } else {
      ++at_;
    }
    const int node = choice(depth + 1);
    if (!take(')')) refuse("a ( that is not closed");
    return node;
  }

  // After a backslash: one character, or a class. In a class of brackets - may be escaped too.
  CharacterSet escape(bool in_brackets) {
    const char32_t c = peek(1);
    if (c == kEnd) refuse("a backslash at the end");
    if (c >= '1' && c <= '9') refuse("a back-reference is not supported");
    if (c == 'k') refuse("a back-reference is not supported");
    if ((c == 'b' || c == 'B') && !in_brackets) refuse("a word border is not supported");
    if (c == 'p' || c == 'P') refuse("a Unicode property is not supported");
    at_ += 2;
    if (auto set = class_of(c)) return *set;
    constexpr std::string_view kNames = "tnvfr0";
    constexpr char kCodes[] = {'\t', '\n', '\v', '\f', '\r', '\0'};
    if (c < 0x80 && kNames.find(static_cast<char>(c)) != std::string_view::npos) {
      if (c == '0' && peek() >= '0' && peek() <= '9') refuse("an octal escape is not supported");
      const auto code = static_cast<char32_t>(kCodes[kNames.find(static_cast<char>(c))]);
      return {{code, code}};
    }
    if (c == 'x') return code_point(2);
    if (c == 'u') return take('{') ? braced_code_point() : code_point(4);
    if (c >= 0x80 || is_letter_or_digit(c)) {
      at_ -= 2;
      refuse("this escape is not supported");
    }
    return {{c, c}};
  }

  [[nodiscard]] std::optional<char32_t> digit() {
    const char32_t c = peek();
    std::optional<char32_t> value;
    if (c >= '0' && c <= '9') value = c - '0';
    if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
    if (value) ++at_;
    return value;
  }
  CharacterSet one(char32_t code) {
    if (code > kLast || (code >= 0xD800 && code <= 0xDFFF)) refuse("this is no character");
    return {{code, code}};
  }
  CharacterSet code_point(int n_digits) {
    char32_t code = 0;
    for (int i = 0; i < n_digits; ++i) {
      const auto value = digit();
      if (!value) refuse(fmt::format("{} hexadecimal digits must stand here", n_digits));
      code = code * 16 + *value;
    }
    return one(code);
  }
  CharacterSet braced_code_point() {
    char32_t code = 0;
    int n = 0;
    for (auto value = digit(); value && n < 7; value = digit(), ++n) code = code * 16 + *value;
    if (n == 0 || n > 6 || !take('}')) refuse("a code point is \\u{1} to \\u{10FFFF}");
    return one(code);
  }

  CharacterSet class_part() {
    if (peek() != '\\') {
      const char32_t c = text_[at_++];
      return {{c, c}};
    }
    if (peek(1) == 'b') {  // inside brackets it is the backspace
      at_ += 2;
      return {{0x08, 0x08}};
    }
    return escape(true);
  }

  int bracket() {
    ++at_;
    const bool negated = take('^');
    if (peek() == ']') refuse("an empty class; write \\] for the character");
    CharacterSet set;
    while (peek() != ']') {
      if (peek() == kEnd) refuse("a [ that is not closed");
      CharacterSet part = class_part();
      const bool single = part.size() == 1 && part[0].low == part[0].high;
      if (peek() == '-' && peek(1) != ']' && peek(1) != kEnd) {
        ++at_;
        const CharacterSet end = class_part();
        if (!single || end.size() != 1 || end[0].low != end[0].high) refuse("a range between classes");
        if (end[0].low < part[0].low) refuse("a range whose ends are exchanged");
        part[0].high = end[0].low;
      }
      set.insert(set.end(), part.begin(), part.end());
    }
    ++at_;
    set = normal(std::move(set));
    const int node = add_set(negated ? complement(set) : set);
    if (out_.nodes.back().set.empty()) refuse("a class without a character");
    return node;
  }

  static constexpr char32_t kEnd = 0xFFFFFFFF;
  std::u32string text_;
  const std::string& place_;
  std::size_t at_ = 0;
  Regex out_;
};

}  // namespace

Regex parse_regex(std::string_view pattern, const std::string& place) {
  if (pattern.size() > Regex::kMaxPattern) {
    throw Error(Kind::User, fmt::format("{}: longer than {} bytes", place, Regex::kMaxPattern), "shorten the pattern");
  }
  std::u32string text;
  for (std::size_t at = 0; at < pattern.size();) {
    const CodePoint c = decode_utf8(pattern, at);
    if (!c.valid) throw Error(Kind::User, place + ": not valid UTF-8", "save the pattern as UTF-8");
    text.push_back(c.value);
    at += c.n_bytes;
  }
  return Parser(std::move(text), place).parse();
}

}  // namespace faqsmith
