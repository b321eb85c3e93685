// Products whose rows are the same bytes however many rows there are: a kernel may choose its order of summation by
// their number. Where one does, rows go through in tiles of a fixed number, the last one padded.
#pragma once
#include <cstdint>

#include "infer/infer_linear.h"

namespace faqsmith {

inline constexpr std::int64_t kTileRows = 32;

// Tries products with 1 to 128 random rows. 0 if their rows never differ, else kTileRows. Y is what the product is
// asked for later.
template <class T, class Y>
[[nodiscard]] std::int64_t tile_rows_for(Cpu& cpu, const InferLinear& linear);

// tile_rows 0: one product. Else the memory of x and y goes on for whole tiles; rows past the last are overwritten.
template <class T, class Y>
void multiply_alike(Cpu& cpu, const InferLinear& linear, In<T> x, Out<Y> y, std::int64_t tile_rows);

}  // namespace faqsmith
