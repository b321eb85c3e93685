// Attention over pages of kv_tiles.h on AMX tiles, and the copy that fills such pages.
#include <cstring>

#include "ops/cpu/attention_amx.h"
#include "ops/cpu/attention_amx_core.h"
#include "ops/cpu/kv_tiles.h"
#include "sys/parallel.h"

namespace faqsmith::amx {

#if defined(__x86_64__)
namespace {

using kv_tiles::group_size;
using kv_tiles::Groups;
using kv_tiles::prefetch_group;

void append_key(const bf16* k, std::int64_t dim, std::int64_t lane, std::uint32_t* group) {
  for (std::int64_t c = 0; c < dim / 2; ++c) {
    std::uint32_t pair = 0;
    std::memcpy(&pair, k + 2 * c, sizeof pair);
    group[c / 16 * kTileElements + c % 16 * 16 + lane] = pair;
  }
}

void append_value(const bf16* v, std::int64_t dim, std::int64_t lane, std::uint32_t* group) {
  auto* const halves = reinterpret_cast<bf16*>(group);
  for (std::int64_t d = 0; d < dim; ++d)
    halves[2 * (d / 16 * (kTileElements / 2) + lane / 2 * 16 + d % 16) + lane % 2] = v[d];
}

// Scores of at most 16 queries, straight from the pages: c.s = q k^T.
AMX_INLINE void few_scores(const Core& c, const Groups& groups, std::int64_t n_groups) {
  operands_written();
  for (std::int64_t g = 0; g < n_groups; ++g) {
    if (g + 2 < n_groups) prefetch_group(groups.key(g + 2), c.dim);
    const std::uint32_t* const tiles = groups.key(g);
    _tile_zero(0);
    for (std::int64_t p = 0; p < c.dim / 32; ++p) {
      _tile_loadd(4, c.q + p * 32, c.dim * 2);
      _tile_loadd(6, tiles + p * kTileElements, 64);
      _tile_dpbf16ps(0, 4, 6);
    }
    _tile_stored(0, c.s + g * kGroupRows, c.lds * 4);
  }
}

// c.o = p v for at most 16 queries; 32 dims at a time stay in registers over all keys.
AMX_INLINE void few_values(const Core& c, const Groups& groups, std::int64_t n_groups) {
  operands_written();
  for (std::int64_t d = 0; d < c.dim; d += 32) {
    _tile_zero(0);
    _tile_zero(1);
    for (std::int64_t g = 0; g < n_groups; ++g) {
      if (d == 0 && g + 2 < n_groups) prefetch_group(groups.value(g + 2), c.dim);
      const std::uint32_t* const tiles = groups.value(g) + d / 16 * (kTileElements / 2);
      _tile_loadd(5, c.p + g / 2 * (kQueryRows * 32) + g % 2 * 16, 64);
      _tile_loadd(7, tiles, 64);
      _tile_dpbf16ps(0, 5, 7);
      _tile_loadd(7, tiles + kTileElements / 2, 64);
      _tile_dpbf16ps(1, 5, 7);
    }
    _tile_stored(0, c.o + d, c.dim * 4);
    _tile_stored(1, c.o + d + 16, c.dim * 4);
  }
}

AMX_INLINE void attend_few(const Core& c, const Groups& groups, const Query* queries, std::int64_t m,
                           std::int64_t n_keys) {
  const TileScope tiles(kHalfTiles);
  const float scale = 1.0f / std::sqrt(static_cast<float>(c.dim));
  const std::int64_t n_groups = round_up(n_keys, kGroupRows) / kGroupRows, n_p = round_up(n_keys, 32);
  copy_queries(c, queries, m, 16);
  few_scores(c, groups, n_groups);
  RowSum rows[16];
  for (std::int64_t i = 0; i < m; ++i) rows[i] = softmax_row(c, i, queries[i].visible, n_p, scale);
  clear_probabilities(c, m, 16, n_p);
  few_values(c, groups, n_groups);
  store_outputs(c, queries, rows, m);
}

// Whole tiles in the core's own memory: two half tiles of V lie behind each other.
AMX_INLINE void copy_groups(const Core& c, const Groups& groups, std::int64_t n_groups) {
  const std::int64_t size = group_size(c.dim), half = kTileElements / 2;
  for (std::int64_t g = 0; g < c.n_p / kGroupRows; ++g) {
    if (g >= n_groups) {
      std::memset(c.k_tiles + g * size, 0, static_cast<std::size_t>(size) * 4);
    } else {
      std::memcpy(c.k_tiles + g * size, groups.key(g), static_cast<std::size_t>(size) * 4);
    }
    for (std::int64_t d = 0; d < c.dim / 16; ++d) {
      std::uint32_t* const to = c.v_tiles + (g / 2 * (c.dim / 16) + d) * kTileElements + g % 2 * half;
      if (g >= n_groups) {
        std::memset(to, 0, half * 4);
      } else {
        std::memcpy(to, groups.value(g) + d * half, half * 4);
      }
    }
  }
}

}  // namespace

void append(const KvAppend<bf16>& op) {
  const std::int64_t dim = op.heads.head_dim, n_kv_heads = op.heads.n_kv_heads;
  // Cut by head, not by row: the rows of one page are then written in order by one thread.
  parallel_for(2 * n_kv_heads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const bool is_key = part < n_kv_heads;
      const std::int64_t head = part % n_kv_heads;
      const bf16* from = op.qkv.data + op.heads.q_width() + (is_key ? 0 : op.heads.kv_width()) + head * dim;
      for (const CacheRow& row : op.rows) {
        const KvPages<bf16>& pages = op.sequences[static_cast<std::size_t>(row.sequence)];
        const std::int64_t position = row.n_keys - 1, in_page = position % op.page_rows, lane = in_page % kGroupRows;
        bf16* const page = (is_key ? pages.keys : pages.values)[static_cast<std::size_t>(position / op.page_rows)];
        auto* const group =
            reinterpret_cast<std::uint32_t*>(page + head * op.page_rows * dim) + in_page / kGroupRows * group_size(dim);
        if (lane == 0) std::memset(group, 0, static_cast<std::size_t>(group_size(dim)) * 4);
        is_key ? append_key(from, dim, lane, group) : append_value(from, dim, lane, group);
        from += op.heads.qkv_width();
      }
    }
  });
}

AMX_CODE void attend(const CachedAttention<bf16>& op, CacheHead item) {
  const std::int64_t dim = op.heads.head_dim, group = op.heads.n_heads / op.heads.n_kv_heads,
                     n_queries = (item.end - item.begin) * group;
  Scratch scratch(core_floats(item.n_keys, dim));
  const Core core = take_core(scratch, item.n_keys, dim);
  const Groups groups = groups_of(op, item);
  Query queries[kQueryRows];
  if (n_queries <= 16 && item.path != AttentionPath::Block) {
    fill_queries(op, item, 0, n_queries, queries);
    return attend_few(core, groups, queries, n_queries, item.n_keys);
  }
  const TileScope tiles(kWholeTiles);
  copy_groups(core, groups, round_up(item.n_keys, kGroupRows) / kGroupRows);
  for (std::int64_t first = 0; first < n_queries; first += kQueryRows) {
    const std::int64_t m = std::min(kQueryRows, n_queries - first);
    fill_queries(op, item, first, m, queries);
    attend_block(core, queries, m);
  }
}
#else
void attend(const CachedAttention<bf16>&, CacheHead) {
  require(false, "AMX attention runs on x86-64 only");
}
void append(const KvAppend<bf16>&) {
  require(false, "AMX attention runs on x86-64 only");
}
#endif

}  // namespace faqsmith::amx
