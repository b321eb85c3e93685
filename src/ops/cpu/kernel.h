// How a kernel is compiled for several instruction sets: a lambda handed to with_best_isa() is compiled once for each
// and the one that usable_isa() allows is called. Everything it calls per element must be KERNEL_INLINE, or it stays
// baseline code. Non-goal: intrinsics; loops here are plain and the compiler vectorises them (see
// cmake/kernel_flags.cmake).
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "tensor/device.h"
#include "tensor/dtype.h"

#define KERNEL_INLINE inline __attribute__((always_inline))

namespace faqsmith {

template <int lanes>
struct VectorWidth {
  static constexpr int kLanes = lanes;  // floats in a register
};

namespace kernel_detail {
#if defined(__x86_64__) && !defined(FAQSMITH_SANITIZED)
template <class F>
__attribute__((target("arch=x86-64-v4,prefer-vector-width=512"), noinline)) void call_v4(F f) {
  f(VectorWidth<16>());
}
template <class F>
__attribute__((target("arch=x86-64-v3"), noinline)) void call_v3(F f) {
  f(VectorWidth<8>());
}
#endif
}  // namespace kernel_detail

// f is taken by value and must capture by value ([=]): captured pointers are then locals of the compiled clone. It is
// written
// [=](auto width) KERNEL_LAMBDA { ... }.
#define KERNEL_LAMBDA __attribute__((always_inline))
template <class F>
void with_best_isa(F f) {
#if defined(__x86_64__) && !defined(FAQSMITH_SANITIZED)
  const Isa isa = usable_isa();
  if (isa >= Isa::Avx512) return kernel_detail::call_v4(f);
  if (isa >= Isa::Avx2) return kernel_detail::call_v3(f);
#endif
  f(VectorWidth<4>());
}

KERNEL_INLINE float load(const float* p) {
  return *p;
}
KERNEL_INLINE float load(const bf16* p) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(p->bits) << 16);
}
KERNEL_INLINE void store(float* p, float x) {
  *p = x;
}
KERNEL_INLINE void store(bf16* p, float x) {
  const auto u = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (u >> 16) | 0x40u;  // NaN stays NaN
  p->bits = static_cast<std::uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

// e^x to within 2 ulp on the finite range, 0 below -87.3, Inf above 88.7, NaN for NaN: Cody-Waite reduction by ln 2 in
// two parts and a degree-6 polynomial (Cephes' expf coefficients), branch-free so that loops over it vectorise.
KERNEL_INLINE float fast_exp(float x) {
  const float clamped = x > -87.3f ? (x < 88.7f ? x : 88.7f) : -87.3f;  // NaN becomes finite here and returns below
  const float k = std::nearbyint(clamped * 1.44269504088896341f);
  // Explicit fma: -fassociative-math must not join the two parts of ln 2.
  const float r = __builtin_fmaf(k, 2.12194440e-4f, __builtin_fmaf(k, -0.693359375f, clamped));
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2^k in two factors: k reaches 128, whose exponent alone would be infinite.
  const auto ki = static_cast<std::int32_t>(k);
  const std::int32_t half = ki >> 1;
  const float s1 = std::bit_cast<float>((half + 127) << 23);
  const float s2 = std::bit_cast<float>((ki - half + 127) << 23);
  const float y = p * s1 * s2;
  const float bounded = x < -87.3f ? 0.0f : (x > 88.7f ? std::bit_cast<float>(0x7f800000) : y);
  return x != x ? x : bounded;
}

// The largest element; NaN elements are passed over. Lanes by hand: without -ffinite-math-only the compiler keeps a
// plain maximum scalar.
KERNEL_INLINE float max_of(const float* __restrict x, std::int64_t n) {
  constexpr std::int64_t kLanes = 32;
  float lanes[kLanes];
  for (float& lane : lanes) lane = x[0];
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  }
  for (; i < n; ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  for (std::int64_t j = 1; j < kLanes; ++j) lanes[0] = lanes[j] > lanes[0] ? lanes[j] : lanes[0];
  return lanes[0];
}

KERNEL_INLINE float sigmoid(float x) {
  return 1.0f / (1.0f + fast_exp(-x));
}

}  // namespace faqsmith
