// Vector helpers in AVX-512 with BF16: what loops that the compiler vectorises cannot reach (hardware rounding to bf16,
// transposes in registers). Only for functions marked AVX512_CODE, after avx512::ready(). Every helper has a portable
// twin in kernel.h or the caller; results differ by rounding only.
#pragma once
#if defined(__x86_64__)
#include <cstdint>

// gcc 12 takes its own intrinsics' undefined registers for uninitialised reads.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "tensor/device.h"
#include "tensor/dtype.h"

#define AVX512_CODE __attribute__((target("arch=x86-64-v4,avx512bf16,prefer-vector-width=512")))
#define AVX512_INLINE AVX512_CODE inline __attribute__((always_inline))

namespace faqsmith::avx512 {

[[nodiscard]] inline bool ready() {
  return usable_isa() >= Isa::Avx512Bf16;
}

// Transposes 16 x 16 elements of 32 bits, in registers.
AVX512_INLINE void transpose_16x16(__m512i (&r)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    t[j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd);
    t[8 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
    t[12 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    r[j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0x88);
    r[8 + j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0xdd);
    r[4 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0x88);
    r[12 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0xdd);
  }
}

// e^x for x <= 88: Cody-Waite and a degree-6 polynomial as fast_exp() in kernel.h; below -87.3 it returns about 1e-38.
// NaN stays.
AVX512_INLINE __m512 exp_ps(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-87.3f), x);  // the second operand is returned for NaN
  const __m512 k = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)), 0);
  __m512 r = _mm512_fnmadd_ps(k, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fmadd_ps(k, _mm512_set1_ps(2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_fmadd_ps(_mm512_mul_ps(p, r), r, _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
  return _mm512_scalef_ps(p, k);
}

// Lanes [0, n) of 16; n may lie outside [0, 16].
AVX512_INLINE __mmask16 first_lanes(std::int64_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffffu : (n <= 0 ? 0u : (1u << n) - 1u));
}

AVX512_INLINE __m256i to_bf16(__m512 x) {
  return (__m256i)_mm512_cvtneps_pbh(x);
}
AVX512_INLINE __m512i to_bf16(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}
// Pairs (even[i], odd[i]): one line of a B tile.
AVX512_INLINE __m512i pairs(__m512 even, __m512 odd) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(to_bf16(even)),
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(to_bf16(odd)), 16));
}

// 16 values of either type, and back.
AVX512_INLINE __m512 load_16(const bf16* p) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}
AVX512_INLINE void store_16(bf16* p, __m512 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_bf16(x));
}

// 1 / x to within 1 ulp or so: the processor's 14-bit estimate and one Newton step.
AVX512_INLINE __m512 reciprocal(__m512 x) {
  const __m512 r = _mm512_rcp14_ps(x);
  return _mm512_mul_ps(r, _mm512_fnmadd_ps(x, r, _mm512_set1_ps(2.0f)));
}

}  // namespace faqsmith::avx512
#endif
