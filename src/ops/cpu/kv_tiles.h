// Groups (kv_groups.h) in the order in which bf16 products of pairs read them (AMX tiles, vdpbf16ps), so that a key
// costs no conversion when it is read, only once when it is written. A page is, for each key/value head in turn,
//   keys:   [page_rows / 16][head_dim / 32] B tiles of K^T: 16 pairs of dims x 16 keys,
//   values: [page_rows / 16][head_dim / 16] half B tiles of V: 8 pairs of keys x 16 dims,
// which is as large as its rows. The first row of every 16 clears them, so that what is not written yet is 0, never
// NaN.
#pragma once
#if defined(__x86_64__)
#include <cstdint>

#include "ops/cpu/avx512.h"
#include "ops/cpu/kv_groups.h"

namespace faqsmith::kv_tiles {

// 32-bit elements of one head's 16 keys (or values).
constexpr std::int64_t group_size(std::int64_t dim) {
  return kGroupRows * dim / 2;
}

struct Groups : KvGroups<bf16> {
  [[nodiscard]] const std::uint32_t* key(std::int64_t group) const {
    return reinterpret_cast<const std::uint32_t*>(KvGroups::key(group));
  }
  [[nodiscard]] const std::uint32_t* value(std::int64_t group) const {
    return reinterpret_cast<const std::uint32_t*>(KvGroups::value(group));
  }
};

AVX512_INLINE void prefetch_group(const std::uint32_t* group, std::int64_t dim) {
  for (std::int64_t line = 0; line < group_size(dim); line += 16)
    _mm_prefetch(reinterpret_cast<const char*>(group + line), _MM_HINT_T0);
}

}  // namespace faqsmith::kv_tiles
#endif
