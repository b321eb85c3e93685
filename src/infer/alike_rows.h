// Products whose rows are the same bytes however many rows there are: a kernel may choose its order of summation by
// their number. So rows go through in pieces of numbers that were tried; where one still does, in tiles of a fixed
// number, the last one padded, in which a row's place makes no difference either. And which kernel multiplies quantised
// blocks must not depend on the rows' number either, but on what a row is: prompts come in many rows, replies in few.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "infer/infer_linear.h"
#include "ops/cached_attention.h"

namespace faqsmith {

// How the rows of a product with packed weights go through: `rows` at a time, 0 = all at once.
struct RowTiles {
  std::int64_t rows = 0;
  bool padded = false;  // the last ones too are a whole tile: the memory of x and y goes on for it, and is overwritten
  bool operator==(const RowTiles&) const = default;
};
inline constexpr RowTiles kTriedRows{.rows = 128}, kSingleRows{.rows = 1};

// Tries the packed ones of these products with 1 to 128 random rows: kTriedRows if their rows never differ, else
// padded_tiles_for(). With results in float32, where every other order of summation shows, and in bf16, whose kernels
// may be others. The other forms promise it and need no trial.
[[nodiscard]] RowTiles row_tiles_for(Cpu& cpu, std::span<const InferLinear* const> linears);

// The first of some sizes of which the products give the same row the same bytes at every place; else kSingleRows.
[[nodiscard]] RowTiles padded_tiles_for(Cpu& cpu, std::span<const InferLinear* const> linears);

// Neighbouring rows that one kernel multiplies.
struct RowRun {
  std::int64_t first = 0, n = 0;
  QuantKernel kernel = QuantKernel::Best;
};

// All of a product's rows, in runs as long as can be. A path that is ByRun leaves the choice to the number of rows.
// Best alone where compute is float32 or the processor has no tiles.
[[nodiscard]] std::vector<RowRun> runs_of(std::span<const AttentionPath> paths, Compute compute);

// Packed weights: a product a tile. Blocks: a product a run. Panels: one product.
template <class T, class Y>
void multiply_alike(Cpu& cpu, const InferLinear& linear, In<T> x, Out<Y> y, RowTiles tiles,
                    std::span<const RowRun> runs);

}  // namespace faqsmith
