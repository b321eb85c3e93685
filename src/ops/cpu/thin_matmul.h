// Products of which one side of the weight is narrow, as LoRA's factors are. Without AMX oneDNN takes half again to
// twice the time for them (bench/results.md); here a tile of 8 rows x 16 to 48 columns stays in registers. Parts of the
// weight that are zero (a group of linears has its B on a diagonal) are passed over. A row's result depends on that row
// alone, whatever m is.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ops/cpu/packed_layout.h"
#include "ops/matmul.h"

namespace faqsmith::thin {

template <class T>
inline constexpr std::int64_t kRows = sizeof(T) == 2 ? 8 : 12;  // of a tile
constexpr std::int64_t kPanel = 16;                             // columns that are multiplied at once
constexpr std::int64_t kPanels = 3;                             // side by side in a tile, at most
constexpr std::int64_t kWidest = 192;  // of the narrow side: three linears' adapters of rank 64

// Neighbouring panels of a right operand whose elements outside steps [begin, end) are zero. A step is a row of the
// operand, in bf16 two.
struct PanelGroup {
  std::int64_t first = 0, count = 0, begin = 0, end = 0;
};

// A packed right operand [reads, writes] as these kernels read it.
struct Panels {
  const void* data = nullptr;
  std::int64_t step = 0, strip = 0, strip_stride = 0;  // elements between steps; columns of a strip, between strips
  std::span<const PanelGroup> groups;
};

// Whether products with an operand in this layout are for these kernels.
[[nodiscard]] bool suits(Compute compute, std::int64_t reads, std::int64_t writes, const Blocking& blocking);
// The same for a gradient; in float32 oneDNN's are as fast.
[[nodiscard]] bool suits_gradient(Compute compute, std::int64_t out, std::int64_t in);
// What of a packed operand is not zero: again after each packing.
[[nodiscard]] std::vector<PanelGroup> nonzero_groups(Compute compute, std::int64_t reads, std::int64_t writes,
                                                     const Blocking& blocking, const void* data);
[[nodiscard]] Panels panels_of(Compute compute, std::int64_t writes, const Blocking& blocking, const void* data,
                               std::span<const PanelGroup> groups);

template <class T, class Y>
void multiply(const Matmul<T, Y>& op, const Panels& w);
void weight_gradient(const MatmulWeightGrad<bf16>& op);  // only where suits_gradient()

// What the kernels of both types get.
template <class T, class Y>
struct RowsJob {  // y [n_rows, columns] (=, +=) x w, n_rows <= kRows<T>
  const T* x = nullptr;
  std::int64_t x_stride = 0;
  Y* y = nullptr;
  std::int64_t y_stride = 0;
  std::int64_t n_rows = 0, columns = 0;
  bool add = false;
};

void rows_times_panels(const RowsJob<float, float>& job, const Panels& w);
// AVX-512 with BF16: only where avx512::ready().
void rows_times_panels(const RowsJob<bf16, bf16>& job, const Panels& w);
void rows_times_panels(const RowsJob<bf16, float>& job, const Panels& w);

// How bf16's elements pair: two rows of an operand interleave.
template <class T>
inline constexpr std::int64_t kPair = sizeof(T) == 2 ? 2 : 1;

// Where the lines of 16 columns begin.
template <class T>
[[nodiscard]] inline const T* panel_at(const Panels& w, std::int64_t panel) {
  const std::int64_t column = panel * kPanel;
  return static_cast<const T*>(w.data) + column / w.strip * w.strip_stride + column % w.strip * kPair<T>;
}

[[nodiscard]] constexpr std::int64_t padded(std::int64_t n) {
  return (n + kPanel - 1) / kPanel * kPanel;
}

}  // namespace faqsmith::thin
