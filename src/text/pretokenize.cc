// The scanner behind pretokenize.h. Classes come from ICU; ASCII, most of all text, is answered from a table.
#include "text/pretokenize.h"

#include <unicode/uchar.h>

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace faqsmith {
namespace {

enum class Class : std::uint8_t { Letter, Number, Space, Other };

Class look_up_class(char32_t c) {
  const std::uint32_t mask = U_GET_GC_MASK(static_cast<UChar32>(c));
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
