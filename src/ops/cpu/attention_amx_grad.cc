// The gradient of attention on AMX tiles. Scores and dP come row by row; their products with queries are accumulated
// transposed (dK^T = Q^T dS, dV^T = dO^T P), because then dS and P are B operands, whose layout is two rows
// interleaved.
#include <algorithm>
#include <cmath>

#include "ops/cpu/amx.h"
#include "ops/cpu/attention_amx.h"
#include "ops/cpu/block_gemm.h"

namespace faqsmith::amx {

#if defined(__x86_64__)
namespace {

constexpr std::int64_t kQueryRows = 32;

struct Blocks {
  std::int64_t dim, n_p, ld;           // keys padded to 32; floats a row of score-shaped buffers
  std::uint32_t *k_t, *v_t;            // [n_p / 16][dim / 32] tiles of K^T and V^T
  std::uint32_t* k;                    // [n_p / 32][dim / 16] tiles of K
  float *d_k_t, *d_v_t;                // [dim, ld] sums
  std::uint16_t *q, *d_o;              // [32, dim]
  std::uint16_t *q_t, *d_o_t;          // [dim, 32]
  float *s, *d_p;                      // [32, ld]
  std::uint32_t *p_pairs, *d_s_pairs;  // [n_p / 16] tiles of 16 pairs of queries x 16 keys
  std::uint16_t* d_s;                  // [n_p / 32][32 queries][32 keys]
  float* d_q;                          // [32, dim]
};

std::int64_t blocks_floats(std::int64_t n, std::int64_t dim) {
  const std::int64_t n_p = round_up(n, 32), ld = n_p + 16;
  return 3 * n_p * dim / 2 + 2 * dim * ld + 2 * kQueryRows * dim + 2 * kQueryRows * ld + kQueryRows * n_p * 3 / 2 +
         kQueryRows * dim + 16 * kBlockColumns;
}

Blocks take_blocks(Scratch& scratch, std::int64_t n, std::int64_t dim) {
  Blocks b{};
  b.dim = dim;
  b.n_p = round_up(n, 32);
  b.ld = b.n_p + 16;
  for (std::uint32_t** tiles : {&b.k_t, &b.v_t, &b.k})
    *tiles = reinterpret_cast<std::uint32_t*>(scratch.take(b.n_p * dim / 2));
  for (float** sums : {&b.d_k_t, &b.d_v_t}) *sums = scratch.take(dim * b.ld);
  for (std::uint16_t** rows : {&b.q, &b.d_o, &b.q_t, &b.d_o_t})
    *rows = reinterpret_cast<std::uint16_t*>(scratch.take(kQueryRows * dim / 2));
  for (float** scores : {&b.s, &b.d_p}) *scores = scratch.take(kQueryRows * b.ld);
  for (std::uint32_t** pairs : {&b.p_pairs, &b.d_s_pairs})
    *pairs = reinterpret_cast<std::uint32_t*>(scratch.take(kQueryRows * b.n_p / 2));
  b.d_s = reinterpret_cast<std::uint16_t*>(scratch.take(kQueryRows * b.n_p / 2));
  b.d_q = scratch.take(kQueryRows * dim);
  return b;
}

// m rows of a strided matrix to `rows` [32, dim], zero below, and to `columns` [dim, 32].
AMX_INLINE void load_queries(const bf16* from, std::int64_t stride, std::int64_t m, std::int64_t dim,
                             std::uint16_t* rows, std::uint16_t* columns) {
  for (std::int64_t i = 0; i < kQueryRows; ++i) {
    for (std::int64_t d = 0; d < dim; d += 32) {
      _mm512_storeu_si512(rows + i * dim + d,
                          i < m ? _mm512_loadu_si512(from + i * stride + d) : _mm512_setzero_si512());
    }
  }
  for (std::int64_t half = 0; half < kQueryRows; half += 16) {
    for (std::int64_t d = 0; d < dim; d += 32) {
      __m512i r[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(rows + (half + i) * dim + d);
      transpose_16x16(r);
#pragma GCC unroll 16
      for (int c = 0; c < 16; ++c) {
        std::uint16_t* const to = columns + (d + 2 * c) * kQueryRows + half;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(r[c]));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + kQueryRows),
                            _mm512_cvtepi32_epi16(_mm512_srli_epi32(r[c], 16)));
      }
    }
  }
}

// One query's part of a pair: its probabilities and dS for 16 keys.
struct Row {
  __m512 lse, delta;  // lse in units of unscaled scores' scaled value
  std::int64_t visible;
};
struct Lanes {
  __m512 p, d_s;
};
AMX_INLINE Lanes grad_lanes(const Row& row, const float* s, const float* d_p, std::int64_t j, __m512 scale) {
  const __mmask16 lanes = first_lanes(row.visible - j);
  const __m512 p = _mm512_maskz_mov_ps(lanes, exp_ps(_mm512_fmsub_ps(_mm512_loadu_ps(s + j), scale, row.lse)));
  const __m512 d_s = _mm512_maskz_mul_ps(lanes, p, _mm512_sub_ps(_mm512_loadu_ps(d_p + j), row.delta));
  return {p, d_s};
}

// Scores and dP of the block to P and dS in the layouts that the three products read.
AMX_INLINE void grad_rows(const Blocks& b, const Row (&rows)[kQueryRows], std::int64_t n, float scale) {
  const __m512 factor = _mm512_set1_ps(scale);
  for (std::int64_t i = 0; i < kQueryRows; i += 2) {
    const float *s0 = b.s + i * b.ld, *s1 = s0 + b.ld, *d0 = b.d_p + i * b.ld, *d1 = d0 + b.ld;
    for (std::int64_t j = 0; j < n; j += 16) {
      const Lanes even = grad_lanes(rows[i], s0, d0, j, factor), odd = grad_lanes(rows[i + 1], s1, d1, j, factor);
      _mm512_storeu_si512(b.p_pairs + j * 16 + i * 8, pairs(even.p, odd.p));
      _mm512_storeu_si512(b.d_s_pairs + j * 16 + i * 8, pairs(even.d_s, odd.d_s));
      std::uint16_t* const d_s = b.d_s + j / 32 * (kQueryRows * 32) + i * 32 + j % 32;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(d_s), to_bf16(even.d_s));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(d_s + 32), to_bf16(odd.d_s));
    }
  }
}

AMX_INLINE float dot(const bf16* a, const bf16* b, std::int64_t n) {
  __m512 sum = _mm512_setzero_ps();
  for (std::int64_t i = 0; i < n; i += 16) {
    const __m512i x =
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i))), 16);
    const __m512i y =
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i))), 16);
    sum = _mm512_fmadd_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(y), sum);
  }
  return _mm512_reduce_add_ps(sum);
}

AMX_INLINE void grad_block(const AttentionGrad<bf16>& op, SequenceHead item, std::int64_t h, std::int64_t r0,
                           const Blocks& b) {
  const std::int64_t dim = b.dim, stride = op.heads.qkv_width(), out_stride = op.heads.q_width(), n = r0 + kQueryRows;
  const std::int64_t m = std::min(kQueryRows, item.length - r0), row = item.begin + r0;
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  const bf16* const d_out = op.d_out.data + row * out_stride + h * dim;
  load_queries(op.qkv.data + row * stride + h * dim, stride, m, dim, b.q, b.q_t);
  load_queries(d_out, out_stride, m, dim, b.d_o, b.d_o_t);
  const std::int64_t tile = kTileElements * 4;
  multiply<Sum::Replace>({b.q, dim * 2, 32 * dim, 64}, {b.k_t, 64, tile, dim / 32 * tile}, b.s, b.ld, 32, dim, n);
  multiply<Sum::Replace>({b.d_o, dim * 2, 32 * dim, 64}, {b.v_t, 64, tile, dim / 32 * tile}, b.d_p, b.ld, 32, dim, n);
  Row rows[kQueryRows];
  for (std::int64_t i = 0; i < kQueryRows; ++i) {
    const std::int64_t at = row + i;
    rows[i] = i < m ? Row{_mm512_set1_ps(op.lse.data[at * op.heads.n_heads + h]),
                          _mm512_set1_ps(dot(d_out + i * out_stride, op.out.data + at * out_stride + h * dim, dim)),
                          r0 + i + 1}
                    : Row{_mm512_setzero_ps(), _mm512_setzero_ps(), 0};
  }
  grad_rows(b, rows, n, scale);
  multiply<Sum::Replace>({b.d_s, 64, 16 * 64, kQueryRows * 64}, {b.k, 64, dim / 16 * tile, tile}, b.d_q, dim, 32, n,
                         dim);
  multiply<Sum::Add>({b.q_t, 64, 16 * 64, 0}, {b.d_s_pairs, 64, 0, tile}, b.d_k_t, b.ld, dim, 32, n);
  multiply<Sum::Add>({b.d_o_t, 64, 16 * 64, 0}, {b.p_pairs, 64, 0, tile}, b.d_v_t, b.ld, dim, 32, n);
  for (std::int64_t i = 0; i < m; ++i) {
    bf16* const d_q = op.d_qkv.data + (row + i) * stride + h * dim;
    for (std::int64_t d = 0; d < dim; d += 16) {
      const __m512 value = _mm512_mul_ps(_mm512_loadu_ps(b.d_q + i * dim + d), _mm512_set1_ps(scale));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(d_q + d), to_bf16(value));
    }
  }
}

// sums [dim, ld], transposed and scaled, to rows of a strided matrix.
AMX_INLINE void store_transposed(const float* sums, std::int64_t ld, std::int64_t n, std::int64_t dim, float scale,
                                 bf16* to, std::int64_t stride) {
  for (std::int64_t j = 0; j < n; j += 16) {
    for (std::int64_t d = 0; d < dim; d += 16) {
      __m512i r[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(sums + (d + i) * ld + j);
      transpose_16x16(r);
      for (std::int64_t i = 0; i < std::min<std::int64_t>(16, n - j); ++i) {
        const __m512 value = _mm512_mul_ps(_mm512_castsi512_ps(r[i]), _mm512_set1_ps(scale));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + (j + i) * stride + d), to_bf16(value));
      }
    }
  }
}

}  // namespace

AMX_CODE void attend_grad(const AttentionGrad<bf16>& op, SequenceHead item) {
  const std::int64_t dim = op.heads.head_dim, stride = op.heads.qkv_width(),
                     group = op.heads.n_heads / op.heads.n_kv_heads;
  Scratch scratch(blocks_floats(item.length, dim));
  const Blocks b = take_blocks(scratch, item.length, dim);
  const std::int64_t k_column = op.heads.q_width() + item.kv_head * dim, v_column = k_column + op.heads.kv_width();
  const bf16* const keys = op.qkv.data + item.begin * stride + k_column;
  const bf16* const values = op.qkv.data + item.begin * stride + v_column;
  const auto key_at = [=](std::int64_t j) { return keys + j * stride; };
  const auto value_at = [=](std::int64_t j) { return values + j * stride; };
  const TileScope tiles(kWholeTiles);
  for (std::int64_t j = 0; j < b.n_p; j += 16) {
    for (std::int64_t d = 0; d < dim; d += 32) {
      const std::int64_t tile = (j / 16 * (dim / 32) + d / 32) * kTileElements;
      transposed_tile(key_at, j, item.length, d, b.k_t + tile);
      transposed_tile(value_at, j, item.length, d, b.v_t + tile);
    }
  }
  for (std::int64_t j = 0; j < b.n_p; j += 32) {
    for (std::int64_t d = 0; d < dim; d += 16)
      straight_tile(key_at, j, item.length, d, b.k + (j / 32 * (dim / 16) + d / 16) * kTileElements);
  }
  std::fill(b.d_k_t, b.d_k_t + dim * b.ld, 0.0f);
  std::fill(b.d_v_t, b.d_v_t + dim * b.ld, 0.0f);
  for (std::int64_t h = item.kv_head * group; h < (item.kv_head + 1) * group; ++h) {
    for (std::int64_t r0 = 0; r0 < item.length; r0 += kQueryRows) grad_block(op, item, h, r0, b);
  }
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  bf16* const d_rows = op.d_qkv.data + item.begin * stride;
  store_transposed(b.d_k_t, b.ld, item.length, dim, scale, d_rows + k_column, stride);
  store_transposed(b.d_v_t, b.ld, item.length, dim, 1.0f, d_rows + v_column, stride);
}
#else
void attend_grad(const AttentionGrad<bf16>&, SequenceHead) {
  require(false, "AMX attention runs on x86-64 only");
}
#endif

}  // namespace faqsmith::amx
