// The set is that of Python's str.isspace(): Unicode's White_Space and four C0 separators.
#include "text/strip.h"

#include "text/utf8.h"

namespace faqsmith {
namespace {

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

// Where the last code point of a text begins that is not empty.
std::size_t last_start(std::string_view text) {
  std::size_t at = text.size() - 1;
  for (int n = 0; n < 3 && at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80; ++n) --at;
  return at;
}

}  // namespace

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text, 0);
    if (!c.valid || !is_space(c.value)) break;
    text.remove_prefix(c.n_bytes);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const std::size_t at = last_start(text);
    const CodePoint c = decode_utf8(text, at);
    if (!c.valid || at + c.n_bytes != text.size() || !is_space(c.value)) break;
    text = text.substr(0, at);
  }
  return text;
}

std::string_view strip(std::string_view text) {
  return strip_right(strip_left(text));
}

}  // namespace faqsmith
