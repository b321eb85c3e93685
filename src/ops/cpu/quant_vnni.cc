// Panels by vpdpbusd on 512 bits: a register holds four codes of each of 16 rows, an instruction multiplies them with
// four columns of x and adds them up in 32 bits. Each panel is read once for up to 16 rows of x.
#include "ops/cpu/quant_layout.h"

#if defined(__x86_64__)
#include <cstring>

#include "ops/cpu/quant_avx512.h"

#define VNNI_CODE __attribute__((target("arch=x86-64-v4,avx512vnni,prefer-vector-width=512")))
#define VNNI_INLINE VNNI_CODE inline __attribute__((always_inline))

namespace faqsmith::quant {
namespace {

constexpr int kTogether = 2;  // rows of x whose sums advance in turn: one alone waits for its own last sum

VNNI_INLINE __m512i quad_of_x(const std::int8_t* p) {
  std::int32_t quad = 0;
  std::memcpy(&quad, p, sizeof quad);
  return _mm512_set1_epi32(quad);
}

template <Format f, int n_rows>
VNNI_INLINE void add_chunk(const std::uint8_t* chunk, const std::uint8_t* scales, const Scales<f>& s, const RowSlice& x,
                           std::int64_t first, __m512 (&sums)[n_rows]) {
  constexpr int n_groups = f.groups(), quads = 8 / n_groups;
  constexpr int together = n_rows < kTogether ? n_rows : kTogether;
  fetch_ahead(chunk, f.chunk_codes(), scales);
  __m512i q[kQuads];
  load_codes<f>(chunk, q);
#pragma GCC unroll 16
  for (int n = 0; n < n_rows; n += together) {
    for (int g = 0; g < n_groups; ++g) {
      __m512i dot[together];
      for (int i = 0; i < together; ++i) {
        dot[i] = _mm512_setzero_si512();
        if (!f.has_min)
          dot[i] = _mm512_slli_epi32(_mm512_set1_epi32(x.negated_sums[(first + n + i) * n_groups + g]), f.offset_log2);
      }
#pragma GCC unroll 8
      for (int j = 0; j < quads; ++j) {
        for (int i = 0; i < together; ++i) {
          const std::int8_t* const quad = x.codes + (first + n + i) * kChunk + (g * quads + j) * 4;
          dot[i] = _mm512_dpbusd_epi32(dot[i], q[g * quads + j], quad_of_x(quad));
        }
      }
      for (int i = 0; i < together; ++i) {
        const std::int64_t at = first + n + i;
        const __m512 scale = _mm512_mul_ps(s.scale[g], _mm512_set1_ps(x.scales[at]));
        sums[n + i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[i]), scale, sums[n + i]);
        if constexpr (f.has_min)
          sums[n + i] = _mm512_fmadd_ps(s.min[g], _mm512_set1_ps(x.scaled_sums[at * n_groups + g]), sums[n + i]);
      }
    }
  }
}

template <Format f, int n_rows>
VNNI_CODE void multiply_panel(const std::uint8_t* codes, const std::uint8_t* scales, std::int64_t chunks,
                              const RowSlice& x, float* y) {
  __m512 sums[n_rows];
#pragma GCC unroll 16
  for (int n = 0; n < n_rows; ++n) sums[n] = _mm512_setzero_ps();
  if constexpr (f.is_super) {
    Scales<f> s;
    for (std::int64_t b = 0; b < chunks / kSuperChunks; ++b, scales += f.block_scales()) {
      const __m512 d = halves_at(scales);
      // Negated: the blocks' minimum is taken off.
      const __m512 dmin =
          f.has_min ? _mm512_sub_ps(_mm512_setzero_ps(), halves_at(scales + kHalves)) : _mm512_setzero_ps();
      for (std::int64_t c = 0; c < kSuperChunks; ++c, codes += f.chunk_codes()) {
        load_group_scales<f>(scales + (f.has_min ? 2 * kHalves : kHalves), c, d, dmin, s);
        add_chunk<f, n_rows>(codes, scales, s, x, (b * kSuperChunks + c) * x.stride, sums);
      }
    }
  } else {
    for (std::int64_t c = 0; c < chunks; ++c, codes += f.chunk_codes(), scales += f.block_scales()) {
      add_chunk<f, n_rows>(codes, scales, load_scales<f>(scales, c), x, c * x.stride, sums);
    }
  }
#pragma GCC unroll 16
  for (int n = 0; n < n_rows; ++n) _mm512_storeu_ps(y + n * kPanelRows, sums[n]);
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
    case 8:
      return multiply_panel<f, 8>;
    case 16:
      return multiply_panel<f, 16>;
    default:
      return nullptr;
  }
}

}  // namespace

PanelKernel vnni_kernel(GgmlType type, std::int64_t n_rows) {
  return for_format(type, [=]<Format f>() { return kernel_of<f>(n_rows); });
}

}  // namespace faqsmith::quant
#else
namespace faqsmith::quant {
PanelKernel vnni_kernel(GgmlType, std::int64_t) {
  return nullptr;
}
}  // namespace faqsmith::quant
#endif
