// The blocked layouts of oneDNN's packed weights, read from its descriptor so that our own copies can write them.
#pragma once
#include <cstdint>

#include "ops/cpu/onednn.h"
#include "ops/cpu/pack_bf16.h"

namespace faqsmith {

// Where element (r, c) of the [reads, writes] operand lies: blocks of rows x columns, inside which `pair` rows
// interleave. Plain layouts are blocks of 1 x 1.
struct Blocking {
  std::int64_t rows = 1, columns = 1, pair = 1;
  std::int64_t row_stride = 0, column_stride = 0;  // between blocks, in elements
};
constexpr std::int64_t kMaxBlockRows = 64, kMaxBlockColumns = 64;

// Reads the layout that oneDNN chose; false if it is one this file does not know.
inline bool understand(const dnnl::memory::desc& layout, Blocking& out) {
  if (layout.data.format_kind != dnnl_blocked || layout.data.ndims != 2) return false;
  const auto& b = layout.data.format_desc.blocking;
  out.row_stride = b.strides[0];
  out.column_stride = b.strides[1];
  if (b.inner_nblks == 0) return true;
  if (b.inner_nblks > 3 || b.inner_nblks < 2 || b.inner_idxs[0] != 0 || b.inner_idxs[1] != 1) return false;
  if (b.inner_nblks == 3 && b.inner_idxs[2] != 0) return false;
  out.pair = b.inner_nblks == 3 ? b.inner_blks[2] : 1;
  out.rows = b.inner_blks[0] * out.pair;
  out.columns = b.inner_blks[1];
  return out.rows <= kMaxBlockRows && out.columns <= kMaxBlockColumns && out.pair <= 2;
}

// What pack_bf16 writes.
[[nodiscard]] inline bool is_amx_blocking(const Blocking& b) {
  return b.rows == pack_bf16::kBlockRows && b.columns == pack_bf16::kBlockColumns && b.pair == 2;
}

}  // namespace faqsmith
