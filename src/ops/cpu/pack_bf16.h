// Copies of matrices into the layouts of bf16 products, in AVX-512: blocks of 32 rows x 64 columns in which two rows
// interleave (what oneDNN's AMX and AVX512-BF16 kernels read), and transposes. Only where avx512::ready().
#pragma once
#include <cstdint>

#include "tensor/dtype.h"

namespace faqsmith::pack_bf16 {

constexpr std::int64_t kBlockRows = 32, kBlockColumns = 64;
constexpr std::int64_t kBlockElements = kBlockRows * kBlockColumns;

[[nodiscard]] bool ready();

// One block of W^T, for W's rows given by pointers: element (r, c) is scale * rows[c][r0 + r] for r < n_rows, c <
// n_columns, else 0.
void transposed_block(const float* const* rows, std::int64_t r0, std::int64_t n_rows, std::int64_t n_columns,
                      float scale, bf16* block);
// One block of W: element (r, c) is scale * rows[r][c0 + c].
void straight_block(const float* const* rows, std::int64_t n_rows, std::int64_t c0, std::int64_t n_columns, float scale,
                    bf16* block);
// After blocks were written (past the cache) and before another thread reads them.
void finish_blocks();

// x [n_rows, n_columns] with a row stride, to one row of blocks: ceil(n_columns / 64) blocks, block_stride elements
// apart.
void activation_blocks(const bf16* x, std::int64_t stride, std::int64_t n_rows, std::int64_t n_columns, bf16* blocks,
                       std::int64_t block_stride);
// x [n_rows, 32] with a row stride, to out [32, out_stride]; rows n_rows .. n_rows_p (a multiple of 16) become 0.
void transpose_strip(const bf16* x, std::int64_t stride, std::int64_t n_rows, std::int64_t n_rows_p, bf16* out,
                     std::int64_t out_stride);

}  // namespace faqsmith::pack_bf16
