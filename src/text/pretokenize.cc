// The scanner behind pretokenize.h. Classes come from ICU; ASCII, most of all text, is answered from a table.
#include "text/pretokenize.h"

#include <unicode/uchar.h>

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace faqsmith {
namespace {

enum class Class : std::uint8_t { Letter, Number, Space, Other };

struct Range {
  char32_t first, last;
  Class kind;
};

// Letters and numbers of Unicode 15.1 to 17 that the reference tokenizer's tables know and ICU 72 does not.
constexpr std::array kNewer = {Range{0x1C89, 0x1C8A, Class::Letter},   Range{0xA7CB, 0xA7CD, Class::Letter},
                               Range{0xA7DA, 0xA7DC, Class::Letter},   Range{0x105C0, 0x105F3, Class::Letter},
                               Range{0x10D40, 0x10D49, Class::Number}, Range{0x10D4A, 0x10D65, Class::Letter},
                               Range{0x10D6F, 0x10D85, Class::Letter}, Range{0x10EC2, 0x10EC4, Class::Letter},
                               Range{0x11380, 0x11389, Class::Letter}, Range{0x1138B, 0x1138B, Class::Letter},
                               Range{0x1138E, 0x1138E, Class::Letter}, Range{0x11390, 0x113B5, Class::Letter},
                               Range{0x113B7, 0x113B7, Class::Letter}, Range{0x113D1, 0x113D1, Class::Letter},
                               Range{0x113D3, 0x113D3, Class::Letter}, Range{0x116D0, 0x116E3, Class::Number},
                               Range{0x11BC0, 0x11BE0, Class::Letter}, Range{0x11BF0, 0x11BF9, Class::Number},
                               Range{0x11DE0, 0x11DE9, Class::Number}, Range{0x13460, 0x143FA, Class::Letter},
                               Range{0x16100, 0x1611D, Class::Letter}, Range{0x16130, 0x16139, Class::Number},
                               Range{0x16D40, 0x16D6C, Class::Letter}, Range{0x16D70, 0x16D79, Class::Number},
                               Range{0x16FF4, 0x16FF6, Class::Number}, Range{0x18CFF, 0x18CFF, Class::Letter},
                               Range{0x1CCF0, 0x1CCF9, Class::Number}, Range{0x1E5D0, 0x1E5ED, Class::Letter},
                               Range{0x1E5F0, 0x1E5F0, Class::Letter}, Range{0x1E5F1, 0x1E5FA, Class::Number},
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

Scanned scan(std::string_view text, std::size_t at) {
  const CodePoint c = decode_utf8(text, at);
  return {class_of(c.value), c.n_bytes};
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

std::size_t run_end(std::string_view text, std::size_t at, Class kind) {
  while (at < text.size()) {
    const Scanned next = scan(text, at);
    if (next.kind != kind) break;
    at += next.n_bytes;
  }
  return at;
}

// White space that no word took: the whole run at the end of a piece, else all but its last character, which is left to
// the next word (\s+(?!\S)); a run of one is a word (\s+).
std::size_t space_end(std::string_view text, std::size_t at, Digits digits) {
  std::size_t last = at, end = at;
  while (end < text.size()) {
    const Scanned next = scan(text, end);
    if (next.kind != Class::Space) {
      const bool piece_ends = digits == Digits::Apart && next.kind == Class::Number;
      return piece_ends || last == at ? end : last;
    }
    last = end;
    end += next.n_bytes;
  }
  return end;
}

}  // namespace

std::size_t next_word_end(std::string_view text, std::size_t at, Digits digits) {
  if (const std::size_t n = contraction(text.substr(at)); n > 0) return at + n;
  const Scanned first = scan(text, at);
  std::size_t start = at;
  Class kind = first.kind;
  if (text[at] == ' ' && at + 1 < text.size()) {
    start = at + 1;
    kind = scan(text, start).kind;
  }
  if (digits == Digits::Apart && first.kind == Class::Number) return at + first.n_bytes;
  // A digit that stands apart begins a new piece, so it takes no space before it.
  if (digits == Digits::Apart && kind == Class::Number) return space_end(text, at, digits);
  if (kind == Class::Space) return space_end(text, at, digits);
  return run_end(text, start, kind);
}

}  // namespace faqsmith
