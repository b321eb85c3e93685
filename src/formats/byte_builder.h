// Builds small binary files by hand in tests: little-endian numbers and length-prefixed text, one after the other.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace faqsmith {

struct ByteBuilder {
  std::string bytes;
  template <class T>
  ByteBuilder& put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes.append(raw, sizeof(T));
    return *this;
  }
  ByteBuilder& text(std::string_view s) { return put<std::uint64_t>(s.size()).raw(s); }
  ByteBuilder& raw(std::string_view s) {
    bytes.append(s);
    return *this;
  }
  [[nodiscard]] std::span<const std::byte> span() const { return std::as_bytes(std::span(bytes)); }
};

}  // namespace faqsmith
