// Attention over pages of kv_tiles.h by vdpbf16ps, where there is no AMX: 16 keys (or dims) side by side in a register,
// up to four queries of a key/value head against each register that is read. Probabilities are rounded to bf16, sums
// are float32. A query's result does not depend on the queries beside it.
#include <cstring>

#include "ops/cpu/attention_amx.h"
#include "ops/cpu/attention_amx_core.h"
#include "ops/cpu/kv_tiles.h"

namespace faqsmith::amx {

#if defined(__x86_64__)
namespace {

using kv_tiles::Groups;

constexpr int kQueriesAtOnce = 4;
// Groups that are fetched before they are read. A line for each line that is read, and into the second cache: in
// bursts, or into the first, they wait for each other (18 instead of 27 GB/s, bench/results.md).
constexpr std::int64_t kGroupsAhead = 4;

AVX512_INLINE __m512bh pair_of(const std::uint16_t* p) {
  std::int32_t pair = 0;
  std::memcpy(&pair, p, sizeof pair);
  return (__m512bh)_mm512_set1_epi32(pair);
}

AVX512_INLINE __m512bh line_of(const std::uint32_t* tiles, std::int64_t line) {
  return (__m512bh)_mm512_loadu_si512(tiles + line * 16);
}

AVX512_INLINE void fetch_line(const std::uint32_t* tiles, std::int64_t line) {
  _mm_prefetch(reinterpret_cast<const char*>(tiles + line * 16), _MM_HINT_T1);
}

// What is read kGroupsAhead groups after the keys of group g: keys, and after the last the first values.
AVX512_INLINE const std::uint32_t* after_keys(const Groups& groups, std::int64_t g, std::int64_t n_groups) {
  const std::int64_t ahead = g + kGroupsAhead;
  return ahead < n_groups ? groups.key(ahead) : groups.value(std::min(ahead, 2 * n_groups - 1) - n_groups);
}

// Scores of queries [first, first + n) against the keys of groups g and g + 1, if there is one: c.s = q k^T.
template <int n>
AVX512_INLINE void score_groups(const Core& c, std::int64_t first, const Groups& groups, std::int64_t g,
                                std::int64_t n_groups) {
  const std::uint32_t* const keys = groups.key(g);
  const std::uint32_t* const second = g + 1 < n_groups ? groups.key(g + 1) : nullptr;
  const std::uint32_t* const next = after_keys(groups, g, n_groups);
  const std::uint32_t* const next_second = after_keys(groups, g + 1, n_groups);
  __m512 sums[2][n];
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) sums[0][i] = sums[1][i] = _mm512_setzero_ps();
  const std::uint32_t* const other = second ? second : keys;
  for (std::int64_t line = 0; line < c.dim / 2; ++line) {
    const __m512bh a = line_of(keys, line), b = line_of(other, line);
    if (first == 0) {  // later blocks of queries find keys and values in the cache
      fetch_line(next, line);
      fetch_line(next_second, line);
    }
#pragma GCC unroll 4
    for (int i = 0; i < n; ++i) {
      const __m512bh q = pair_of(c.q + (first + i) * c.dim + line * 2);
      sums[0][i] = _mm512_dpbf16_ps(sums[0][i], a, q);
      sums[1][i] = _mm512_dpbf16_ps(sums[1][i], b, q);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) {
    float* const s = c.s + (first + i) * c.lds + g * kGroupRows;
    _mm512_storeu_ps(s, sums[0][i]);
    if (second) _mm512_storeu_ps(s + kGroupRows, sums[1][i]);
  }
}

// c.o = p v for queries [first, first + n), dims [d, d + 16 * blocks).
template <int n, int blocks>
AVX512_INLINE void add_values(const Core& c, const Groups& groups, std::int64_t n_groups, std::int64_t first,
                              std::int64_t d) {
  constexpr std::int64_t kLines = kGroupRows / 2;  // pairs of keys
  __m512 sums[n][blocks];
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) {
#pragma GCC unroll 4
    for (int b = 0; b < blocks; ++b) sums[i][b] = _mm512_setzero_ps();
  }
  for (std::int64_t g = 0; g < n_groups; ++g) {
    const std::int64_t block = d / 16 * kLines * 16;
    const std::uint32_t* const tiles = groups.value(g) + block;
    const std::uint32_t* const next = groups.value(std::min(g + kGroupsAhead, n_groups - 1)) + block;
    const std::uint16_t* const p = c.p + g / 2 * (kQueryRows * 32) + first * 32 + g % 2 * kGroupRows;
    for (std::int64_t line = 0; line < kLines; ++line) {
#pragma GCC unroll 4
      for (int b = 0; b < blocks; ++b) {
        const __m512bh v = line_of(tiles, b * kLines + line);
        if (first == 0) fetch_line(next, b * kLines + line);
#pragma GCC unroll 4
        for (int i = 0; i < n; ++i) sums[i][b] = _mm512_dpbf16_ps(sums[i][b], v, pair_of(p + i * 32 + line * 2));
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) {
#pragma GCC unroll 4
    for (int b = 0; b < blocks; ++b) _mm512_storeu_ps(c.o + (first + i) * c.dim + d + b * 16, sums[i][b]);
  }
}

template <int n>
AVX512_CODE void attend_queries(const Core& c, const Groups& groups, const Query* queries, std::int64_t first,
                                RowSum* rows) {
  std::int64_t seen = 0;
  for (std::int64_t i = first; i < first + n; ++i) seen = std::max(seen, queries[i].visible);
  const std::int64_t n_groups = round_up(seen, kGroupRows) / kGroupRows, n_p = round_up(seen, 32);
  for (std::int64_t g = 0; g < n_groups; g += 2) score_groups<n>(c, first, groups, g, n_groups);
  const float scale = 1.0f / std::sqrt(static_cast<float>(c.dim));
  for (std::int64_t i = first; i < first + n; ++i) rows[i] = softmax_row(c, i, queries[i].visible, n_p, scale);
  std::int64_t d = 0;
  for (; d + 64 <= c.dim; d += 64) add_values<n, 4>(c, groups, n_groups, first, d);
  if (d < c.dim) add_values<n, 2>(c, groups, n_groups, first, d);
}

AVX512_CODE void attend_all(const Core& c, const Groups& groups, const Query* queries, std::int64_t m) {
  copy_queries(c, queries, m, m);
  RowSum rows[kQueryRows];
  std::int64_t first = 0;
  for (; first + kQueriesAtOnce <= m; first += kQueriesAtOnce)
    attend_queries<kQueriesAtOnce>(c, groups, queries, first, rows);
  if (m - first == 3) attend_queries<3>(c, groups, queries, first, rows);
  if (m - first == 2) attend_queries<2>(c, groups, queries, first, rows);
  if (m - first == 1) attend_queries<1>(c, groups, queries, first, rows);
  store_outputs(c, queries, rows, m);
}

}  // namespace

void attend_without_tiles(const CachedAttention<bf16>& op, CacheHead item) {
  const std::int64_t dim = op.heads.head_dim, group = op.heads.n_heads / op.heads.n_kv_heads,
                     n_queries = (item.end - item.begin) * group;
  Scratch scratch(core_floats(item.n_keys, dim));
  const Core core = take_core(scratch, item.n_keys, dim);
  const Groups groups = groups_of(op, item);
  Query queries[kQueryRows];
  for (std::int64_t first = 0; first < n_queries; first += kQueryRows) {
    const std::int64_t m = std::min(kQueryRows, n_queries - first);
    fill_queries(op, item, first, m, queries);
    attend_all(core, groups, queries, m);
  }
}
#else
void attend_without_tiles(const CachedAttention<bf16>&, CacheHead) {
  require(false, "attention over tiles runs on x86-64 only");
}
#endif

}  // namespace faqsmith::amx
