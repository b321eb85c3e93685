// Row by row: the row is decoded, the adapter's share is added in the first-level cache, then it is measured.
#include "ops/adapted_row_norms.h"

#include <cmath>
#include <vector>

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

KERNEL_INLINE void add_scaled(const float* __restrict x, float factor, float* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

KERNEL_INLINE float sum_of_squares(const float* __restrict x, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += x[i + j] * x[i + j];
  }
  for (; i < n; ++i) lanes[0] += x[i] * x[i];
  float sum = 0.0f;
  for (const float lane : lanes) sum += lane;
  return sum;
}

}  // namespace

void run(Cpu&, const AdaptedRowNorms& op) {
  const std::int64_t n = op.w->shape()[1], rank = op.a.shape[0];
  parallel_for(op.w->shape()[0], [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(n));
    float* const sum = row.data();
    const AdaptedRowNorms* const at = &op;
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t i = begin; i < end; ++i) {
        at->w->decode_rows(i, 1, sum);
        for (std::int64_t r = 0; r < rank; ++r)
          add_scaled(at->a.data + r * n, at->scale * at->b.data[i * rank + r], sum, n);
        at->norms.data[i] = std::sqrt(sum_of_squares(sum, n));
      }
    });
  });
}

}  // namespace faqsmith
