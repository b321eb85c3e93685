// The scanner behind pretokenize.h. Classes come from ICU; ASCII, most of all text, is answered from a table.
#include "text/pretokenize.h"

#include <unicode/uchar.h>

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace faqsmith {
namespace {

// NewestNumber: of Unicode 17, which the reference's step that sets digits apart knows and its patterns do not.
enum class Class : std::uint8_t { Letter, Number, Space, Other, NewestNumber };

struct Range {
  char32_t first, last;
  Class kind;
};

// Letters and numbers of Unicode 15.1 to 17 that the reference tokenizer's tables know and ICU 72 does not.
constexpr std::array kNewer = {Range{0x1C89, 0x1C8A, Class::Letter},         Range{0xA7CB, 0xA7CD, Class::Letter},
                               Range{0xA7DA, 0xA7DC, Class::Letter},         Range{0x105C0, 0x105F3, Class::Letter},
                               Range{0x10D40, 0x10D49, Class::Number},       Range{0x10D4A, 0x10D65, Class::Letter},
                               Range{0x10D6F, 0x10D85, Class::Letter},       Range{0x10EC2, 0x10EC4, Class::Letter},
                               Range{0x11380, 0x11389, Class::Letter},       Range{0x1138B, 0x1138B, Class::Letter},
                               Range{0x1138E, 0x1138E, Class::Letter},       Range{0x11390, 0x113B5, Class::Letter},
                               Range{0x113B7, 0x113B7, Class::Letter},       Range{0x113D1, 0x113D1, Class::Letter},
                               Range{0x113D3, 0x113D3, Class::Letter},       Range{0x116D0, 0x116E3, Class::Number},
                               Range{0x11BC0, 0x11BE0, Class::Letter},       Range{0x11BF0, 0x11BF9, Class::Number},
                               Range{0x11DE0, 0x11DE9, Class::NewestNumber}, Range{0x13460, 0x143FA, Class::Letter},
                               Range{0x16100, 0x1611D, Class::Letter},       Range{0x16130, 0x16139, Class::Number},
                               Range{0x16D40, 0x16D6C, Class::Letter},       Range{0x16D70, 0x16D79, Class::Number},
                               Range{0x16FF4, 0x16FF6, Class::NewestNumber}, Range{0x18CFF, 0x18CFF, Class::Letter},
                               Range{0x1CCF0, 0x1CCF9, Class::Number},       Range{0x1E5D0, 0x1E5ED, Class::Letter},
                               Range{0x1E5F0, 0x1E5F0, Class::Letter},       Range{0x1E5F1, 0x1E5FA, Class::Number},
                               Range{0x2EBF0, 0x2EE5D, Class::Letter}};

Class look_up_newer(char32_t c) {
  for (const Range& range : kNewer) {
    if (c >= range.first && c <= range.last) return range.kind;
  }
  return Class::Other;
}

Class look_up_class(char32_t c) {
  const std::uint32_t mask = U_GET_GC_MASK(static_cast<UChar32>(c));
  if ((mask & U_GC_CN_MASK) != 0) return look_up_newer(c);
  if ((mask & U_GC_L_MASK) != 0) return Class::Letter;
  if ((mask & U_GC_N_MASK) != 0) return Class::Number;
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_WHITE_SPACE) != 0 ? Class::Space : Class::Other;
}

Class class_of(char32_t c) {
  static const std::array<Class, 128> kAscii = [] {
    std::array<Class, 128> table{};
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = look_up_class(static_cast<char32_t>(i));
    return table;
  }();
  return c < kAscii.size() ? kAscii[c] : look_up_class(c);
}

struct Scanned {
  Class kind;
  std::size_t n_bytes;
};

Scanned scan(std::string_view text, std::size_t at, PreTokenizer rule) {
  const CodePoint c = decode_utf8(text, at);
  const Class kind = class_of(c.value);
  if (kind != Class::NewestNumber) return {kind, c.n_bytes};
  return {rule == PreTokenizer::SmolLm ? Class::Number : Class::Other, c.n_bytes};
}

// 's 't 'm 'd 're 've 'll: bytes matched, or 0.
std::size_t contraction(std::string_view rest) {
  if (rest.size() < 2 || rest[0] != '\'') return 0;
  const char first = rest[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (rest.size() < 3) return 0;
  const std::string_view two = rest.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

std::size_t run_end(std::string_view text, std::size_t at, Class kind, PreTokenizer rule) {
  while (at < text.size()) {
    const Scanned next = scan(text, at, rule);
    if (next.kind != kind) break;
    at += next.n_bytes;
  }
  return at;
}

// White space that no word took: the whole run at the end of a piece, else all but its last character, which is left to
// the next word (\s+(?!\S)); a run of one is a word (\s+).
std::size_t space_end(std::string_view text, std::size_t at, PreTokenizer rule) {
  std::size_t last = at, end = at;
  while (end < text.size()) {
    const Scanned next = scan(text, end, rule);
    if (next.kind != Class::Space) {
      const bool piece_ends = rule == PreTokenizer::SmolLm && next.kind == Class::Number;
      return piece_ends || last == at ? end : last;
    }
    last = end;
    end += next.n_bytes;
  }
  return end;
}

std::size_t gpt2_word_end(std::string_view text, std::size_t at, PreTokenizer rule) {
  if (const std::size_t n = contraction(text.substr(at)); n > 0) return at + n;
  const bool digits_apart = rule == PreTokenizer::SmolLm;
  const Scanned first = scan(text, at, rule);
  std::size_t start = at;
  Class kind = first.kind;
  if (text[at] == ' ' && at + 1 < text.size()) {
    start = at + 1;
    kind = scan(text, start, rule).kind;
  }
  if (digits_apart && first.kind == Class::Number) return at + first.n_bytes;
  // A digit that stands apart begins a new piece, so it takes no space before it.
  if (digits_apart && kind == Class::Number) return space_end(text, at, rule);
  if (kind == Class::Space) return space_end(text, at, rule);
  return run_end(text, start, kind, rule);
}

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

// The same contractions in any case; the long s (U+017F) folds to s.
std::size_t contraction_any_case(std::string_view rest) {
  if (rest.size() < 2 || rest[0] != '\'') return 0;
  if (rest.substr(1, 2) == "\xC5\xBF") return 3;
  const auto lower = [&](std::size_t i) { return static_cast<char>(rest[i] | 0x20); };  // right for letters, and
  if (const char c = lower(1); c == 's' || c == 't' || c == 'm' || c == 'd') return 2;  // no other byte becomes one
  if (rest.size() < 3) return 0;
  const char two[2] = {lower(1), lower(2)};
  const std::string_view both(two, 2);
  return both == "re" || both == "ve" || both == "ll" ? 3 : 0;
}

constexpr PreTokenizer kRule = PreTokenizer::Llama3;

std::size_t line_ends_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_line_end(text[at])) ++at;
  return at;
}

// \s*[\r\n]+ takes a run of white space up to its last line end; without one the rules are GPT-2's.
std::size_t llama3_space_end(std::string_view text, std::size_t at) {
  std::size_t after_line_end = at, last = at, end = at;
  while (end < text.size()) {
    const Scanned next = scan(text, end, kRule);
    if (next.kind != Class::Space) break;
    if (is_line_end(text[end])) after_line_end = end + 1;
    last = end;
    end += next.n_bytes;
  }
  if (after_line_end > at) return after_line_end;
  return end == text.size() || last == at ? end : last;
}

std::size_t llama3_word_end(std::string_view text, std::size_t at) {
  if (const std::size_t n = contraction_any_case(text.substr(at)); n > 0) return at + n;
  const Scanned first = scan(text, at, kRule);
  if (first.kind == Class::Letter) return run_end(text, at, Class::Letter, kRule);
  if (first.kind == Class::Number) {
    std::size_t end = at + first.n_bytes;
    for (int n = 1; n < 3 && end < text.size(); ++n) {
      const Scanned next = scan(text, end, kRule);
      if (next.kind != Class::Number) break;
      end += next.n_bytes;
    }
    return end;
  }
  const std::size_t second = at + first.n_bytes;
  const bool more = second < text.size();
  const Class next = more ? scan(text, second, kRule).kind : Class::Space;
  if (next == Class::Letter && !is_line_end(text[at])) return run_end(text, second, Class::Letter, kRule);
  if (first.kind == Class::Other) return line_ends_end(text, run_end(text, at, Class::Other, kRule));
  if (text[at] == ' ' && next == Class::Other) return line_ends_end(text, run_end(text, second, Class::Other, kRule));
  return llama3_space_end(text, at);
}

}  // namespace

std::size_t next_word_end(std::string_view text, std::size_t at, PreTokenizer rule) {
  return rule == PreTokenizer::Llama3 ? llama3_word_end(text, at) : gpt2_word_end(text, at, rule);
}

}  // namespace faqsmith
