// AVX-512 copies into bf16 layouts. Weights are written past the cache: they are far larger than it and read much
// later.
#include "ops/cpu/pack_bf16.h"

#include <algorithm>

#include "base/error.h"
#include "ops/cpu/avx512.h"

namespace faqsmith::pack_bf16 {

#if defined(__x86_64__)
using namespace avx512;

bool ready() {
  return avx512::ready();
}

namespace {

// n (<= 32) floats, scaled, as 32 bf16; the rest 0.
AVX512_INLINE __m512i load_scaled(const float* p, std::int64_t n, __m512 scale) {
  const __m512 low = _mm512_maskz_loadu_ps(first_lanes(n), p),
               high = _mm512_maskz_loadu_ps(first_lanes(n - 16), p + 16);
  return to_bf16(_mm512_mul_ps(low, scale), _mm512_mul_ps(high, scale));
}

}  // namespace

AVX512_CODE void transposed_block(const float* const* rows, std::int64_t r0, std::int64_t n_rows,
                                  std::int64_t n_columns, float scale, bf16* block) {
  auto* const lines = reinterpret_cast<std::uint32_t*>(block);
  const __m512 factor = _mm512_set1_ps(scale);
  for (std::int64_t c = 0; c < kBlockColumns; c += 16) {
    __m512i r[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
      r[i] = c + i < n_columns ? load_scaled(rows[c + i] + r0, n_rows, factor) : _mm512_setzero_si512();
    transpose_16x16(r);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) _mm512_stream_si512(reinterpret_cast<__m512i*>(lines + i * kBlockColumns + c), r[i]);
  }
}

AVX512_CODE void straight_block(const float* const* rows, std::int64_t n_rows, std::int64_t c0, std::int64_t n_columns,
                                float scale, bf16* block) {
  auto* const lines = reinterpret_cast<std::uint32_t*>(block);
  const __m512 factor = _mm512_set1_ps(scale);
  for (std::int64_t r = 0; r < kBlockRows; r += 2) {
    for (std::int64_t c = 0; c < kBlockColumns; c += 16) {
      const __mmask16 lanes = first_lanes(n_columns - c);
      const __m512 even = r < n_rows ? _mm512_maskz_loadu_ps(lanes, rows[r] + c0 + c) : _mm512_setzero_ps();
      const __m512 odd = r + 1 < n_rows ? _mm512_maskz_loadu_ps(lanes, rows[r + 1] + c0 + c) : _mm512_setzero_ps();
      const __m512i line = pairs(_mm512_mul_ps(even, factor), _mm512_mul_ps(odd, factor));
      _mm512_stream_si512(reinterpret_cast<__m512i*>(lines + r / 2 * kBlockColumns + c), line);
    }
  }
}

AVX512_CODE void finish_blocks() {
  _mm_sfence();
}

AVX512_CODE void activation_blocks(const bf16* x, std::int64_t stride, std::int64_t n_rows, std::int64_t n_columns,
                                   bf16* blocks, std::int64_t block_stride) {
  for (std::int64_t c = 0; c < n_columns; c += 16) {
    const __mmask16 lanes = first_lanes(n_columns - c);
    auto* const lines = reinterpret_cast<std::uint32_t*>(blocks + c / kBlockColumns * block_stride) + c % kBlockColumns;
    for (std::int64_t r = 0; r < kBlockRows; r += 2) {
      const __m256i even = r < n_rows ? _mm256_maskz_loadu_epi16(lanes, x + r * stride + c) : _mm256_setzero_si256();
      const __m256i odd =
          r + 1 < n_rows ? _mm256_maskz_loadu_epi16(lanes, x + (r + 1) * stride + c) : _mm256_setzero_si256();
      const __m512i line =
          _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
      _mm512_storeu_si512(lines + r / 2 * kBlockColumns, line);
    }
  }
}

AVX512_CODE void transpose_strip(const bf16* x, std::int64_t stride, std::int64_t n_rows, std::int64_t n_rows_p,
                                 bf16* out, std::int64_t out_stride) {
  for (std::int64_t first = 0; first < n_rows_p; first += 16) {
    __m512i r[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
      r[i] = first + i < n_rows ? _mm512_loadu_si512(x + (first + i) * stride) : _mm512_setzero_si512();
    transpose_16x16(r);  // r[c] now holds columns 2c and 2c + 1 of 16 rows, interleaved
#pragma GCC unroll 16
    for (int c = 0; c < 16; ++c) {
      bf16* const to = out + 2 * c * out_stride + first;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(r[c]));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + out_stride),
                          _mm512_cvtepi32_epi16(_mm512_srli_epi32(r[c], 16)));
    }
  }
}
#else
namespace {
[[noreturn]] void refuse() {
  throw Error(Kind::Internal, "bf16 packing runs on x86-64 only");
}
}  // namespace
bool ready() {
  return false;
}
void transposed_block(const float* const*, std::int64_t, std::int64_t, std::int64_t, float, bf16*) {
  refuse();
}
void straight_block(const float* const*, std::int64_t, std::int64_t, std::int64_t, float, bf16*) {
  refuse();
}
void finish_blocks() {}
void activation_blocks(const bf16*, std::int64_t, std::int64_t, std::int64_t, bf16*, std::int64_t) {
  refuse();
}
void transpose_strip(const bf16*, std::int64_t, std::int64_t, std::int64_t, bf16*, std::int64_t) {
  refuse();
}
#endif

}  // namespace faqsmith::pack_bf16
