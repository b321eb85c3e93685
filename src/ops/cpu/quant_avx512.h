// Reading panels (quant_layout.h) with AVX-512: codes to bytes, scales to float. For the kernels that multiply them.
#pragma once
#include "ops/cpu/quant_layout.h"

#if defined(__x86_64__)
#include "ops/cpu/avx512.h"

#define PANEL_INLINE \
  __attribute__((target("arch=x86-64-v4,prefer-vector-width=512"))) inline __attribute__((always_inline))

namespace faqsmith::quant {

PANEL_INLINE __m512i vector_at(const std::uint8_t* p, int i) {
  return _mm512_loadu_si512(p + i * kVector);
}

// Bits [from, from + n) of each byte, moved to bit `to`.
PANEL_INLINE __m512i bits_of(__m512i v, int from, int n, int to) {
  const __m512i moved = from > to ? _mm512_srli_epi16(v, static_cast<unsigned>(from - to))
                                  : _mm512_slli_epi16(v, static_cast<unsigned>(to - from));
  return _mm512_and_si512(moved, _mm512_set1_epi8(static_cast<char>(((1 << n) - 1) << to)));
}

template <Format f>
PANEL_INLINE void load_codes(const std::uint8_t* chunk, __m512i (&q)[kQuads]) {
  constexpr int wide = f.wide_bits(), narrow = f.bits - wide;
  if constexpr (wide == 8) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) q[j] = vector_at(chunk, j);
  } else {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) q[j] = bits_of(vector_at(chunk, j % wide), j / wide * wide, wide, 0);
  }
  if constexpr (narrow > 0) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      const __m512i high = vector_at(chunk + kVector * wide, j % narrow);
      q[j] = _mm512_or_si512(q[j], bits_of(high, j / narrow * narrow, narrow, wide));
    }
  }
}

PANEL_INLINE __m512 halves_at(const std::uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

PANEL_INLINE __m512i bytes_at(const std::uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

template <Format f>
struct Scales {
  __m512 scale[f.groups()], min[f.groups()];  // min is added
};

// Of chunk c of a super-block.
template <Format f>
PANEL_INLINE void load_group_scales(const std::uint8_t* groups, std::int64_t c, __m512 d, __m512 dmin, Scales<f>& out) {
  for (int g = 0; g < f.groups(); ++g) {
    const std::uint8_t* const at = groups + (c * f.groups() + g) * kPanelRows;
    __m512i scale =
        f.signed_scale ? _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))) : bytes_at(at);
    if constexpr (f.has_min) {
      const __m512i min =
          f.packed_scale ? _mm512_srli_epi32(scale, 4) : bytes_at(at + kSuperBlock / f.group * kPanelRows);
      if (f.packed_scale) scale = _mm512_and_si512(scale, _mm512_set1_epi32(15));
      out.min[g] = _mm512_mul_ps(dmin, _mm512_cvtepi32_ps(min));
    }
    out.scale[g] = _mm512_mul_ps(d, _mm512_cvtepi32_ps(scale));
  }
}

// The scales of chunk c, whose block's scales start at `block`.
template <Format f>
PANEL_INLINE Scales<f> load_scales(const std::uint8_t* block, std::int64_t c) {
  Scales<f> s;
  if constexpr (f.is_super) {
    const __m512 d = halves_at(block);
    // Negated: the blocks' minimum is taken off.
    const __m512 dmin = f.has_min ? _mm512_sub_ps(_mm512_setzero_ps(), halves_at(block + kHalves)) : d;
    load_group_scales<f>(block + (f.has_min ? 2 * kHalves : kHalves), c % kSuperChunks, d, dmin, s);
  } else {
    s.scale[0] = halves_at(block);
    if constexpr (f.has_min) s.min[0] = halves_at(block + kHalves);
  }
  return s;
}

}  // namespace faqsmith::quant
#endif
