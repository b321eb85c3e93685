// Products whose rows are the same bytes however many rows there are: a kernel may choose its order of summation by
// their number. Where one does, rows go through in tiles of a fixed number, the last one padded. And which kernel
// multiplies quantised blocks must not depend on the rows' number either, but on what a row is: prompts come in many
// rows, replies in few.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "infer/infer_linear.h"
#include "ops/cached_attention.h"

namespace faqsmith {

inline constexpr std::int64_t kTileRows = 32;

// Tries products with 1 to 128 random rows. 0 if their rows never differ, else kTileRows. In float32, where every
// other order of summation shows, and in T, whose kernels may be others.
template <class T>
[[nodiscard]] std::int64_t tile_rows_for(Cpu& cpu, const InferLinear& linear);

// Neighbouring rows that one kernel multiplies.
struct RowRun {
  std::int64_t first = 0, n = 0;
  QuantKernel kernel = QuantKernel::Best;
};

// All of a product's rows, in runs as long as can be. A path that is ByRun leaves the choice to the number of rows.
// Best alone where compute is float32 or the processor has no tiles.
[[nodiscard]] std::vector<RowRun> runs_of(std::span<const AttentionPath> paths, Compute compute);

// Packed weights: tile_rows 0 is one product; else the memory of x and y goes on for whole tiles, and rows past the
// last are overwritten. Blocks: a product a run.
template <class T, class Y>
void multiply_alike(Cpu& cpu, const InferLinear& linear, In<T> x, Out<Y> y, std::int64_t tile_rows,
                    std::span<const RowRun> runs);

}  // namespace faqsmith
