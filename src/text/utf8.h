// One step of UTF-8 decoding, inline because every scanner of this folder stands on it. Ill-formed bytes are cut by the
// "maximal subpart" rule (Unicode 15, section 3.9), as Python's errors="replace" and Rust's from_utf8_lossy do.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace faqsmith {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct CodePoint {
  char32_t value = kReplacementCharacter;
  std::size_t n_bytes = 1;  // consumed, at least 1
  bool valid = false;       // false: these bytes are one ill-formed subpart
};

// The code point at text[at]; at < text.size().
[[nodiscard]] inline CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xC2 || lead > 0xF4) return {};
  const std::size_t n = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t value = lead & (0xFF >> (n + 1));
  for (std::size_t i = 1; i < n; ++i) {
    unsigned char low = 0x80, high = 0xBF;  // the second byte's range excludes overlong forms, surrogates, > U+10FFFF
    if (i == 1 && lead == 0xE0) low = 0xA0;
    if (i == 1 && lead == 0xED) high = 0x9F;
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high) return {kReplacementCharacter, i, false};
    value = (value << 6) | (byte(at + i) & 0x3F);
  }
  return {value, n, true};
}

inline void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

[[nodiscard]] inline bool is_valid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (!c.valid) return false;
    at += c.n_bytes;
  }
  return true;
}

// Each ill-formed subpart becomes one U+FFFD; n_repaired, if given, counts them.
[[nodiscard]] inline std::string repair_utf8(std::string_view text, std::size_t* n_repaired = nullptr) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.valid) {
      out.append(text.substr(at, c.n_bytes));
    } else {
      append_utf8(out, kReplacementCharacter);
      if (n_repaired != nullptr) ++*n_repaired;
    }
    at += c.n_bytes;
  }
  return out;
}

}  // namespace faqsmith
