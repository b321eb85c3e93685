// 12 vectors of sums, at most, and as many rows as they hold. There is a kernel for each number of rows, so that none
// is computed in vain.
#include "ops/cpu/float_rows.h"

#include "ops/cpu/block_gemm.h"
#include "ops/cpu/kernel.h"

namespace faqsmith {
namespace {

constexpr int kColumns = 16;

template <int lanes, int rows>
KERNEL_INLINE void some_rows(const FloatRows& job, std::int64_t first) {
  using Vector = typename kernel_detail::VectorOf<lanes>::type;
  constexpr int kVectors = kColumns / lanes;
  Vector sums[rows][kVectors] = {};
  const float* x[rows];
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) x[i] = job.x + (first + i) * job.x_stride;
  const float* const w = job.w;
  const auto* fetch = static_cast<const char*>(job.fetch);
  const std::int64_t step = job.step, fetch_step = job.fetch_step;
  for (std::int64_t s = job.begin; s < job.end; ++s) {
    __builtin_prefetch(fetch, 0, 2);
    fetch += fetch_step;
    Vector line[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) line[v] = *reinterpret_cast<const Vector*>(w + s * step + v * lanes);
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      const float factor = x[i][s];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[i][v] += factor * line[v];
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) {
    float* const y = job.y + (first + i) * job.y_stride;
    if (job.columns == kColumns) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        Vector* const to = reinterpret_cast<Vector*>(y + v * lanes);  // auto would take it for aligned
        *to = job.add ? *to + sums[i][v] : sums[i][v];
      }
      continue;
    }
    alignas(64) float values[kColumns];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) *reinterpret_cast<Vector*>(values + v * lanes) = sums[i][v];
    for (std::int64_t j = 0; j < job.columns; ++j) y[j] = job.add ? y[j] + values[j] : values[j];
  }
}

template <int lanes, int most>
KERNEL_INLINE void up_to(const FloatRows& job, std::int64_t first, std::int64_t n) {
  if (n == most) return some_rows<lanes, most>(job, first);
  if constexpr (most > 1) up_to<lanes, most - 1>(job, first, n);
}

}  // namespace

void multiply(const FloatRows& job) {
  with_best_isa([job](auto width) KERNEL_LAMBDA {
    constexpr int kLanes = decltype(width)::kLanes, kMost = kLanes * 3 / 4;
    for (std::int64_t first = 0, groups = (job.n_rows + kMost - 1) / kMost; first < job.n_rows; --groups) {
      const std::int64_t n = (job.n_rows - first + groups - 1) / groups;  // groups of like sizes
      up_to<kLanes, kMost>(job, first, n);
      first += n;
    }
  });
}

}  // namespace faqsmith
