// Element types the engine computes with. bf16 is the upper half of an IEEE float32, rounded to nearest even.
#pragma once
#include <bit>
#include <cstdint>

namespace faqsmith {

struct bf16 {
  std::uint16_t bits = 0;
};

[[nodiscard]] inline float to_float(float x) {
  return x;
}
[[nodiscard]] inline float to_float(bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

template <class T>
[[nodiscard]] inline T from_float(float x);
template <>
inline float from_float<float>(float x) {
  return x;
}
template <>
inline bf16 from_float<bf16>(float x) {
  const auto u = std::bit_cast<std::uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((u >> 16) | 0x40u)};  // NaN stays NaN
  return {static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

}  // namespace faqsmith
