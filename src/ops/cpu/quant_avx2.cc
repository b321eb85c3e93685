// Panels by vpmaddubsw: four codes of 8 rows in a register, a panel's two halves side by side. Four values of x are
// spread over a register for both. Products of pairs are added up in 16 bits as far as the codes' width allows, then in
// 32. Codes of 8 bits would overflow there: their sign moves to x instead.
#include "ops/cpu/quant_layout.h"

#if defined(__x86_64__)
#include <cstring>

#include "ops/cpu/avx512.h"

#define AVX2_CODE __attribute__((target("arch=x86-64-v3")))
#define AVX2_INLINE AVX2_CODE inline __attribute__((always_inline))

namespace faqsmith::quant {
namespace {

constexpr int kLanes = 8, kPanelHalves = 2;  // rows of half a panel

AVX2_INLINE __m256i vector_at(const std::uint8_t* p, int i) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i * kVector));
}

// Bits [from, from + n) of each byte, moved to bit `to`.
AVX2_INLINE __m256i bits_of(__m256i v, int from, int n, int to) {
  const __m256i moved = from > to ? _mm256_srli_epi16(v, from - to) : _mm256_slli_epi16(v, to - from);
  return _mm256_and_si256(moved, _mm256_set1_epi8(static_cast<char>(((1 << n) - 1) << to)));
}

template <Format f>
AVX2_INLINE __m256i load_quad(const std::uint8_t* chunk, int j) {
  constexpr int wide = f.wide_bits(), narrow = f.bits - wide;
  if constexpr (wide == 8) return vector_at(chunk, j);
  const __m256i low = bits_of(vector_at(chunk, j % wide), j / wide * wide, wide, 0);
  if constexpr (narrow > 0) {
    const __m256i high = vector_at(chunk + kVector * wide, j % narrow);
    return _mm256_or_si256(low, bits_of(high, j / narrow * narrow, narrow, wide));
  }
  return low;
}

// Pairs of products that fit into 16 bits together: codes up to 2^bits - 1, x up to 127, two products a pair.
constexpr int pairs_in_16_bits(int bits) {
  return bits == 8 ? 1 : 32767 / (((1 << bits) - 1) * 127 * 2);
}

AVX2_INLINE __m256 halves_at(const std::uint8_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

AVX2_INLINE __m128i eight_bytes(const std::uint8_t* p) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
}

template <Format f>
struct Scales {
  __m256 scale[f.groups()][kPanelHalves], min[f.groups()][kPanelHalves];  // min is added
};

// groups: where the scales of a super-block's groups start, super: its own.
template <Format f>
AVX2_INLINE void load_group_scales(const std::uint8_t* groups, std::int64_t c, const Scales<f>& super, Scales<f>& out) {
  for (int g = 0; g < f.groups(); ++g) {
    for (int h = 0; h < kPanelHalves; ++h) {
      const std::uint8_t* const at = groups + (c * f.groups() + g) * kPanelRows + h * kLanes;
      __m256i scale = f.signed_scale ? _mm256_cvtepi8_epi32(eight_bytes(at)) : _mm256_cvtepu8_epi32(eight_bytes(at));
      if constexpr (f.has_min) {
        const __m256i min = f.packed_scale ? _mm256_srli_epi32(scale, 4)
                                           : _mm256_cvtepu8_epi32(eight_bytes(at + kSuperBlock / f.group * kPanelRows));
        if (f.packed_scale) scale = _mm256_and_si256(scale, _mm256_set1_epi32(15));
        out.min[g][h] = _mm256_mul_ps(super.min[0][h], _mm256_cvtepi32_ps(min));
      }
      out.scale[g][h] = _mm256_mul_ps(super.scale[0][h], _mm256_cvtepi32_ps(scale));
    }
  }
}

// A block's own scales of both halves; of a super-block the minimum's is subtracted.
template <Format f>
AVX2_INLINE void load_block_scales(const std::uint8_t* scales, Scales<f>& out) {
  for (int h = 0; h < kPanelHalves; ++h) {
    out.scale[0][h] = halves_at(scales + h * kLanes * 2);
    if constexpr (f.has_min) {
      const __m256 min = halves_at(scales + kHalves + h * kLanes * 2);
      out.min[0][h] = f.is_super ? _mm256_sub_ps(_mm256_setzero_ps(), min) : min;
    }
  }
}

AVX2_INLINE __m256i quad_of_x(const std::int8_t* p) {
  std::int32_t quad = 0;
  std::memcpy(&quad, p, sizeof quad);
  return _mm256_set1_epi32(quad);
}

// Pairs of products of a quad of codes with one of x; of 8 bits of (code - 128) * x.
template <Format f>
AVX2_INLINE __m256i products(__m256i code, __m256i x) {
  if constexpr (f.bits == 8) {
    const __m256i w = _mm256_xor_si256(code, _mm256_set1_epi8(static_cast<char>(0x80)));
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  }
  return _mm256_maddubs_epi16(code, x);
}

// dots = sums of code * x over quads [first, first + n) of a chunk in 32 bits.
template <Format f, int n, int n_rows>
AVX2_INLINE void multiply_quads(const std::uint8_t* chunk, const std::int8_t* x, int first,
                                __m256i (&dots)[n_rows][kPanelHalves]) {
  constexpr int together = pairs_in_16_bits(f.bits) < n ? pairs_in_16_bits(f.bits) : n;
  static_assert(n % together == 0);
#pragma GCC unroll 8
  for (int part = 0; part < n; part += together) {
    __m256i pairs[n_rows][kPanelHalves];
#pragma GCC unroll 8
    for (int j = part; j < part + together; ++j) {
      __m256i codes[kPanelHalves];
      for (int h = 0; h < kPanelHalves; ++h) codes[h] = load_quad<f>(chunk + h * kLanes * 4, first + j);
#pragma GCC unroll 4
      for (int i = 0; i < n_rows; ++i) {
        const __m256i quad = quad_of_x(x + i * kChunk + (first + j) * 4);
        for (int h = 0; h < kPanelHalves; ++h) {
          const __m256i product = products<f>(codes[h], quad);
          pairs[i][h] = j == part ? product : _mm256_add_epi16(pairs[i][h], product);
          asm("" : "+x"(pairs[i][h]));  // or GCC adds up in a tree, which needs more registers than there are
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < n_rows; ++i) {
      for (int h = 0; h < kPanelHalves; ++h) {
        const __m256i sum = _mm256_madd_epi16(pairs[i][h], _mm256_set1_epi16(1));
        dots[i][h] = part == 0 ? sum : _mm256_add_epi32(dots[i][h], sum);
      }
    }
  }
}

template <Format f, int n_rows>
AVX2_INLINE void add_chunk(const std::uint8_t* chunk, const Scales<f>& s, const RowSlice& x, std::int64_t first,
                           __m256 (&sums)[n_rows][kPanelHalves]) {
  constexpr int n_groups = f.groups(), quads = 8 / n_groups;
#pragma GCC unroll 2
  for (int g = 0; g < n_groups; ++g) {
    __m256i dots[n_rows][kPanelHalves];
    multiply_quads<f, quads>(chunk, x.codes + first * kChunk, g * quads, dots);
#pragma GCC unroll 4
    for (int i = 0; i < n_rows; ++i) {
      const std::int64_t at = first + i;
      for (int h = 0; h < kPanelHalves; ++h) {
        __m256i dot = dots[i][h];
        if (!f.has_min && f.bits != 8) {
          const __m256i negated = _mm256_set1_epi32(x.negated_sums[at * n_groups + g]);
          dot = _mm256_add_epi32(dot, _mm256_slli_epi32(negated, f.offset_log2));
        }
        const __m256 scale = _mm256_mul_ps(s.scale[g][h], _mm256_set1_ps(x.scales[at]));
        sums[i][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, sums[i][h]);
        if constexpr (f.has_min)
          sums[i][h] = _mm256_fmadd_ps(s.min[g][h], _mm256_set1_ps(x.scaled_sums[at * n_groups + g]), sums[i][h]);
      }
    }
  }
}

template <Format f, int n_rows>
AVX2_CODE void multiply_panel(const std::uint8_t* codes, const std::uint8_t* scales, std::int64_t chunks,
                              const RowSlice& x, float* y) {
  __m256 sums[n_rows][kPanelHalves];
#pragma GCC unroll 4
  for (int i = 0; i < n_rows; ++i) sums[i][0] = sums[i][1] = _mm256_setzero_ps();
  Scales<f> s;
  if constexpr (f.is_super) {
    for (std::int64_t b = 0; b < chunks / kSuperChunks; ++b, scales += f.block_scales()) {
      Scales<f> super;
      load_block_scales<f>(scales, super);
      for (std::int64_t c = 0; c < kSuperChunks; ++c, codes += f.chunk_codes()) {
        if (x.comes_first) fetch_ahead(codes, f.chunk_codes(), scales);
        load_group_scales<f>(scales + (f.has_min ? 2 * kHalves : kHalves), c, super, s);
        add_chunk<f, n_rows>(codes, s, x, (b * kSuperChunks + c) * x.stride, sums);
      }
    }
  } else {
    for (std::int64_t c = 0; c < chunks; ++c, codes += f.chunk_codes(), scales += f.block_scales()) {
      if (x.comes_first) fetch_ahead(codes, f.chunk_codes(), scales);
      load_block_scales<f>(scales, s);
      add_chunk<f, n_rows>(codes, s, x, c * x.stride, sums);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < n_rows; ++i) {
    for (int h = 0; h < kPanelHalves; ++h) _mm256_storeu_ps(y + i * kPanelRows + h * kLanes, sums[i][h]);
  }
}

template <Format f>
PanelKernel kernel_of(std::int64_t n_rows) {
  switch (n_rows) {
    case 1:
      return multiply_panel<f, 1>;
    case 2:
      return multiply_panel<f, 2>;
    case 4:
      return multiply_panel<f, 4>;
    default:
      return nullptr;
  }
}

}  // namespace

PanelKernel avx2_kernel(GgmlType type, std::int64_t n_rows) {
  return for_format(type, [=]<Format f>() { return kernel_of<f>(n_rows); });
}

}  // namespace faqsmith::quant
#else
namespace faqsmith::quant {
PanelKernel avx2_kernel(GgmlType, std::int64_t) {
  return nullptr;
}
}  // namespace faqsmith::quant
#endif
