// Forward attention on AMX tiles. One core serves packed sequences and the cache: keys and values of one head become B
// tiles (K transposed, V straight), then blocks of at most 32 queries run against them.
#include "ops/cpu/attention_amx.h"

#include <algorithm>

#include "ops/cpu/attention_amx_core.h"

namespace faqsmith::amx {

bool can_attend(const Heads& heads) {
#if defined(__x86_64__)
  return heads.head_dim % 32 == 0 && heads.window == 0 && avx512::ready();
#else
  (void)heads;
  return false;
#endif
}

bool can_attend_cached(const Heads& heads) {
#if defined(__x86_64__)
  return can_attend(heads) && ready();
#else
  (void)heads;
  return false;
#endif
}

bool pages_hold_tiles(const Heads& heads) {
#if defined(__x86_64__)
  return heads.head_dim % 32 == 0 && heads.window == 0 && avx512::ready();
#else
  (void)heads;
  return false;
#endif
}

#if defined(__x86_64__)
namespace {

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

}  // namespace

AMX_CODE void attend(const Attention<bf16>& op, SequenceHead item) {
  const std::int64_t dim = op.heads.head_dim, stride = op.heads.qkv_width(),
                     group = op.heads.n_heads / op.heads.n_kv_heads;
  Scratch scratch(core_floats(item.length, dim));
  const Core core = take_core(scratch, item.length, dim);
  const bf16* const rows = op.qkv.data + item.begin * stride;
  const bf16* const keys = rows + op.heads.q_width() + item.kv_head * dim;
  const bf16* const values = keys + op.heads.kv_width();
  const TileScope tiles(kWholeTiles);
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

#else
void attend(const Attention<bf16>&, SequenceHead) {
  require(false, "AMX attention runs on x86-64 only");
}
void attend(const CachedAttention<bf16>&, CacheHead) {
  require(false, "AMX attention runs on x86-64 only");
}
#endif

}  // namespace faqsmith::amx
