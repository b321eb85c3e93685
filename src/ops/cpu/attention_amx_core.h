// The core of forward attention on AMX tiles, for packed sequences and for the cache: blocks of at most 32 queries
// against the keys (as B tiles of K^T) and values (as B tiles of V) of one head.
#pragma once
#include "ops/cpu/amx.h"
#include "ops/cpu/attention_amx.h"
#include "ops/cpu/block_gemm.h"
#include "ops/cpu/kv_tiles.h"

#if defined(__x86_64__)
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace faqsmith::amx {

constexpr std::int64_t kQueryRows = 32;

// Keys and values of one head as tiles, and the block buffers.
struct Core {
  std::int64_t dim, n_p;   // n_p: keys, a multiple of 32
  std::uint32_t* k_tiles;  // [n_p / 16][dim / 32] tiles of K^T
  std::uint32_t* v_tiles;  // [n_p / 32][dim / 16] tiles of V
  std::uint16_t* q;        // [32, dim]
  std::uint16_t* p;        // [n_p / 32][32 queries][32 keys]
  float* s;                // [32, lds]
  float* o;                // [32, dim]
  std::int64_t lds;
};

inline std::int64_t core_floats(std::int64_t n, std::int64_t dim) {
  const std::int64_t n_p = round_up(n, 32);
  return n_p * dim + kQueryRows * (dim / 2 + n_p / 2 + n_p + 16 + dim) + 8 * kBlockColumns;
}

inline Core take_core(Scratch& scratch, std::int64_t n, std::int64_t dim) {
  Core c{};
  c.dim = dim;
  c.n_p = round_up(n, 32);
  c.lds = c.n_p + 16;  // no power of two, so that the rows of a tile do not fall into one cache set
  c.k_tiles = reinterpret_cast<std::uint32_t*>(scratch.take(c.n_p * dim / 2));
  c.v_tiles = reinterpret_cast<std::uint32_t*>(scratch.take(c.n_p * dim / 2));
  c.q = reinterpret_cast<std::uint16_t*>(scratch.take(kQueryRows * dim / 2));
  c.p = reinterpret_cast<std::uint16_t*>(scratch.take(kQueryRows * c.n_p / 2));
  c.s = scratch.take(kQueryRows * c.lds);
  c.o = scratch.take(kQueryRows * dim);
  return c;
}

// One query of a block.
struct Query {
  const bf16* q;
  bf16* out;
  float* lse;  // may be null
  std::int64_t visible;
};

// The pages of an item's sequence and head.
inline kv_tiles::Groups groups_of(const CachedAttention<bf16>& op, CacheHead item) {
  return {faqsmith::groups_of(op, item.begin, item.kv_head)};
}

// m queries of an item from the first-th on: query i is row i / group, head i % group of the kv head's group.
inline void fill_queries(const CachedAttention<bf16>& op, CacheHead item, std::int64_t first, std::int64_t m,
                         Query* queries) {
  const std::int64_t dim = op.heads.head_dim, group = op.heads.n_heads / op.heads.n_kv_heads;
  for (std::int64_t i = 0; i < m; ++i) {
    const std::int64_t row = item.begin + (first + i) / group, h = item.kv_head * group + (first + i) % group;
    queries[i] = {op.qkv.data + row * op.heads.qkv_width() + h * dim, op.out.data + row * op.heads.q_width() + h * dim,
                  nullptr, op.rows[static_cast<std::size_t>(row)].n_keys};
  }
}

struct RowSum {
  float max, sum;  // of scaled scores; of exp(score - max)
};

// Row i's scores to bf16 probabilities exp(scale * (s - max)) in p; keys that it does not see become 0.
AVX512_INLINE RowSum softmax_row(const Core& c, std::int64_t i, std::int64_t visible, std::int64_t n_p, float scale) {
  const float* const s = c.s + i * c.lds;
  __m512 max = _mm512_set1_ps(-INFINITY);
  for (std::int64_t j = 0; j < visible; j += 16) {
    const __mmask16 lanes = first_lanes(visible - j);
    max = _mm512_mask_max_ps(max, lanes, _mm512_loadu_ps(s + j), max);
  }
  const float row_max = _mm512_reduce_max_ps(max);
  const __m512 shift = _mm512_set1_ps(row_max), factor = _mm512_set1_ps(scale);
  __m512 sum = _mm512_setzero_ps();
  for (std::int64_t j = 0; j < n_p; j += 32) {
    __m512 e[2];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m512 x = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(s + j + 16 * half), shift), factor);
      e[half] = _mm512_maskz_mov_ps(first_lanes(visible - j - 16 * half), exp_ps(x));
      sum = _mm512_add_ps(sum, e[half]);
    }
    _mm512_storeu_si512(c.p + j * kQueryRows + i * 32, to_bf16(e[0], e[1]));
  }
  return {row_max * scale, _mm512_reduce_add_ps(sum)};
}

// m queries to q, padded with zeros to m_p rows.
AVX512_INLINE void copy_queries(const Core& c, const Query* queries, std::int64_t m, std::int64_t m_p) {
  for (std::int64_t i = 0; i < m_p; ++i) {
    for (std::int64_t d = 0; d < c.dim; d += 32) {
      _mm512_storeu_si512(c.q + i * c.dim + d, i < m ? _mm512_loadu_si512(queries[i].q + d) : _mm512_setzero_si512());
    }
  }
}

AVX512_INLINE void clear_probabilities(const Core& c, std::int64_t m, std::int64_t m_p, std::int64_t n_p) {
  for (std::int64_t i = m; i < m_p; ++i) {
    for (std::int64_t j = 0; j < n_p; j += 32)
      _mm512_storeu_si512(c.p + j * kQueryRows + i * 32, _mm512_setzero_si512());
  }
}

AVX512_INLINE void store_outputs(const Core& c, const Query* queries, const RowSum* rows, std::int64_t m) {
  for (std::int64_t i = 0; i < m; ++i) {
    const __m512 inverse = _mm512_set1_ps(1.0f / rows[i].sum);
    for (std::int64_t d = 0; d < c.dim; d += 16)
      store_16(queries[i].out + d, _mm512_mul_ps(_mm512_loadu_ps(c.o + i * c.dim + d), inverse));
    if (queries[i].lse) *queries[i].lse = rows[i].max + std::log(rows[i].sum);
  }
}

// m <= 32 queries against the core's own tiles.
AMX_INLINE void attend_block(const Core& c, const Query* queries, std::int64_t m) {
  const std::int64_t dim = c.dim, m_p = m <= 16 ? 16 : 32, tile = kTileElements * 4;
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  std::int64_t seen = 0;
  for (std::int64_t i = 0; i < m; ++i) seen = std::max(seen, queries[i].visible);
  const std::int64_t n_p = round_up(seen, 32);
  copy_queries(c, queries, m, m_p);
  const Tiles q{c.q, dim * 2, 16 * dim * 2, 64};
  const Tiles k{c.k_tiles, 64, tile, dim / 32 * tile};  // (block of dims, block of keys)
  const Tiles p{c.p, 64, 16 * 64, kQueryRows * 64};
  const Tiles v{c.v_tiles, 64, dim / 16 * tile, tile};
  if (m_p == 16) {
    multiply_16(q, k, c.s, c.lds, dim, n_p);
  } else {
    multiply<Sum::Replace>(q, k, c.s, c.lds, 32, dim, n_p);
  }
  RowSum rows[kQueryRows];
  for (std::int64_t i = 0; i < m; ++i) rows[i] = softmax_row(c, i, queries[i].visible, n_p, scale);
  clear_probabilities(c, m, m_p, n_p);
  if (m_p == 16) {
    multiply_16(p, v, c.o, dim, n_p, dim);
  } else {
    multiply<Sum::Replace>(p, v, c.o, dim, 32, n_p, dim);
  }
  store_outputs(c, queries, rows, m);
}

}  // namespace faqsmith::amx
#endif
