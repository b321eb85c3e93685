// Forward attention on AMX tiles. One core serves packed sequences and the cache: keys and values of one head become B
// tiles (K transposed, V straight), then blocks of at most 32 queries run against them.
#include "ops/cpu/attention_amx.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/cpu/amx.h"
#include "ops/cpu/block_gemm.h"

namespace faqsmith::amx {

bool can_attend(const Heads& heads) {
#if defined(__x86_64__)
  return heads.head_dim % 32 == 0 && ready();
#else
  (void)heads;
  return false;
#endif
}

#if defined(__x86_64__)
namespace {

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

std::int64_t core_floats(std::int64_t n, std::int64_t dim) {
  const std::int64_t n_p = round_up(n, 32);
  return n_p * dim + kQueryRows * (dim / 2 + n_p / 2 + n_p + 16 + dim) + 8 * kBlockColumns;
}

Core take_core(Scratch& scratch, std::int64_t n, std::int64_t dim) {
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

// key_at(j) and value_at(j): where the head's part of row j starts.
template <class KeyAt, class ValueAt>
AMX_INLINE void load_keys(const Core& c, std::int64_t n, KeyAt key_at, ValueAt value_at) {
  for (std::int64_t j = 0; j < c.n_p; j += 16) {
    for (std::int64_t d = 0; d < c.dim; d += 32) {
      transposed_tile(key_at, j, n, d, c.k_tiles + (j / 16 * (c.dim / 32) + d / 32) * kTileElements);
    }
  }
  for (std::int64_t j = 0; j < c.n_p; j += 32) {
    for (std::int64_t d = 0; d < c.dim; d += 16)
      straight_tile(value_at, j, n, d, c.v_tiles + (j / 32 * (c.dim / 16) + d / 16) * kTileElements);
  }
}

// One query of a block.
struct Query {
  const bf16* q;
  bf16* out;
  float* lse;  // may be null
  std::int64_t visible;
};

struct RowSum {
  float max, sum;  // of scaled scores; of exp(score - max)
};

// Row i's scores to bf16 probabilities exp(scale * (s - max)) in p; keys that it does not see become 0.
AMX_INLINE RowSum softmax_row(const Core& c, std::int64_t i, std::int64_t visible, std::int64_t n_p, float scale) {
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

AMX_INLINE void attend_block(const Core& c, const Query* queries, std::int64_t m) {
  const std::int64_t dim = c.dim, m_p = m <= 16 ? 16 : 32;
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  std::int64_t seen = 0;
  for (std::int64_t i = 0; i < m; ++i) seen = std::max(seen, queries[i].visible);
  const std::int64_t n_p = round_up(seen, 32);
  for (std::int64_t i = 0; i < m_p; ++i) {
    for (std::int64_t d = 0; d < dim; d += 32) {
      _mm512_storeu_si512(c.q + i * dim + d, i < m ? _mm512_loadu_si512(queries[i].q + d) : _mm512_setzero_si512());
    }
  }
  const Tiles q{c.q, dim * 2, 16 * dim * 2, 64};
  const Tiles k{c.k_tiles, 64, kTileElements * 4, dim / 32 * kTileElements * 4};  // (block of dims, block of keys)
  const Tiles p{c.p, 64, 16 * 64, kQueryRows * 64};
  const Tiles v{c.v_tiles, 64, dim / 16 * kTileElements * 4, kTileElements * 4};
  if (m_p == 16) {
    multiply_16(q, k, c.s, c.lds, dim, n_p);
  } else {
    multiply<Sum::Replace>(q, k, c.s, c.lds, 32, dim, n_p);
  }
  RowSum rows[kQueryRows];
  for (std::int64_t i = 0; i < m; ++i) rows[i] = softmax_row(c, i, queries[i].visible, n_p, scale);
  for (std::int64_t i = m; i < m_p; ++i) {
    for (std::int64_t j = 0; j < n_p; j += 32)
      _mm512_storeu_si512(c.p + j * kQueryRows + i * 32, _mm512_setzero_si512());
  }
  if (m_p == 16) {
    multiply_16(p, v, c.o, dim, n_p, dim);
  } else {
    multiply<Sum::Replace>(p, v, c.o, dim, 32, n_p, dim);
  }
  for (std::int64_t i = 0; i < m; ++i) {
    const __m512 inverse = _mm512_set1_ps(1.0f / rows[i].sum);
    for (std::int64_t d = 0; d < dim; d += 16) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(queries[i].out + d),
                          to_bf16(_mm512_mul_ps(_mm512_loadu_ps(c.o + i * dim + d), inverse)));
    }
    if (queries[i].lse) *queries[i].lse = rows[i].max + std::log(rows[i].sum);
  }
}

}  // namespace

AMX_CODE void attend(const Attention<bf16>& op, SequenceHead item) {
  const std::int64_t dim = op.heads.head_dim, stride = op.heads.qkv_width(),
                     group = op.heads.n_heads / op.heads.n_kv_heads;
  Scratch scratch(core_floats(item.length, dim));
  const Core core = take_core(scratch, item.length, dim);
  const bf16* const rows = op.qkv.data + item.begin * stride;
  const bf16* const keys = rows + op.heads.q_width() + item.kv_head * dim;
  const bf16* const values = keys + op.heads.kv_width();
  const TileScope tiles;
  load_keys(
      core, item.length, [=](std::int64_t j) { return keys + j * stride; },
      [=](std::int64_t j) { return values + j * stride; });
  for (std::int64_t h = item.kv_head * group; h < (item.kv_head + 1) * group; ++h) {
    for (std::int64_t r0 = 0; r0 < item.length; r0 += kQueryRows) {
      const std::int64_t m = std::min(kQueryRows, item.length - r0);
      Query queries[kQueryRows];
      for (std::int64_t i = 0; i < m; ++i) {
        const std::int64_t row = item.begin + r0 + i;
        queries[i] = {rows + (r0 + i) * stride + h * dim, op.out.data + row * op.heads.q_width() + h * dim,
                      op.lse.empty() ? nullptr : op.lse.data + row * op.heads.n_heads + h, r0 + i + 1};
      }
      attend_block(core, queries, m);
    }
  }
}

AMX_CODE void attend(const CachedAttention<bf16>& op, CacheHead item) {
  const std::int64_t dim = op.heads.head_dim, width = op.heads.kv_width(),
                     group = op.heads.n_heads / op.heads.n_kv_heads;
  Scratch scratch(core_floats(item.n_keys, dim));
  const Core core = take_core(scratch, item.n_keys, dim);
  const KvPages<bf16>& pages =
      op.sequences[static_cast<std::size_t>(op.rows[static_cast<std::size_t>(item.begin)].sequence)];
  // Where each key and value row starts: a division a row once, not once a tile.
  thread_local std::vector<const bf16*> row_starts;
  row_starts.resize(static_cast<std::size_t>(2 * item.n_keys));
  const bf16** const keys = row_starts.data();
  const bf16** const values = keys + item.n_keys;
  for (std::int64_t j = 0; j < item.n_keys;) {
    const auto page = static_cast<std::size_t>(j / op.page_rows);
    const std::int64_t end = std::min(item.n_keys, j + op.page_rows);
    for (std::int64_t at = item.kv_head * dim; j < end; ++j, at += width) {
      keys[j] = pages.keys[page] + at;
      values[j] = pages.values[page] + at;
    }
  }
  const TileScope tiles;
  load_keys(
      core, item.n_keys, [=](std::int64_t j) { return keys[j]; }, [=](std::int64_t j) { return values[j]; });
  const std::int64_t n_queries = (item.end - item.begin) * group;
  for (std::int64_t first = 0; first < n_queries; first += kQueryRows) {
    const std::int64_t m = std::min(kQueryRows, n_queries - first);
    Query queries[kQueryRows];
    for (std::int64_t i = 0; i < m; ++i) {
      const std::int64_t row = item.begin + (first + i) / group, h = item.kv_head * group + (first + i) % group;
      queries[i] = {op.qkv.data + row * op.heads.qkv_width() + h * dim,
                    op.out.data + row * op.heads.q_width() + h * dim, nullptr,
                    op.rows[static_cast<std::size_t>(row)].n_keys};
    }
    attend_block(core, queries, m);
  }
}
#else
void attend(const Attention<bf16>&, SequenceHead) {
  require(false, "AMX attention runs on x86-64 only");
}
void attend(const CachedAttention<bf16>&, CacheHead) {
  require(false, "AMX attention runs on x86-64 only");
}
#endif

}  // namespace faqsmith::amx
