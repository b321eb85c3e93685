// How keys and values lie in the pages of a cache, so that decoding reads a head's 16 keys, or values, as one block
// without rearranging anything. A page is, for each key/value head in turn,
//   keys:   [page_rows / 16][head_dim][16]: 16 keys side by side, so that scores of 16 keys need no sum across lanes,
//   values: [page_rows][head_dim],
// which is as large as its rows. kv_tiles.h tells what the blocks of 16 are inside where bf16 products of pairs run.
#pragma once
#include <cstdint>

#include "ops/cached_attention.h"

namespace faqsmith {

constexpr std::int64_t kGroupRows = kPageGranularity;  // keys of a group

// One head's groups of 16 keys and values, in the order of the sequence.
template <class T>
struct KvGroups {
  const T* const* keys;
  const T* const* values;
  std::int64_t page_rows, dim, head_offset;  // elements from the page's start
  [[nodiscard]] const T* key(std::int64_t group) const { return find(keys, group); }
  [[nodiscard]] const T* value(std::int64_t group) const { return find(values, group); }

 private:
  [[nodiscard]] const T* find(const T* const* pages, std::int64_t group) const {
    const std::int64_t row = group * kGroupRows;
    return pages[row / page_rows] + head_offset + row % page_rows * dim;
  }
};

// Of the sequence that a row of the batch belongs to.
template <class T>
KvGroups<T> groups_of(const CachedAttention<T>& op, std::int64_t row, std::int64_t kv_head) {
  const KvPages<T>& pages = op.sequences[static_cast<std::size_t>(op.rows[static_cast<std::size_t>(row)].sequence)];
  const std::int64_t dim = op.heads.head_dim;
  return {pages.keys.data(), pages.values.data(), op.page_rows, dim, kv_head * op.page_rows * dim};
}

}  // namespace faqsmith
