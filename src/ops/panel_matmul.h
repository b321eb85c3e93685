// Products in float32 with weights that are kept in float32, bf16 or float16: y = x W^T. For inference on processors
// without products in bf16: weights of 16 bits are widened a few at a time in the cache, so that memory holds and a
// decode step reads half of what float32 takes. A row of y depends on its row of x alone, bit for bit, however many
// rows there are. Non-goal: gradients; training packs with oneDNN (ops/matmul.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tensor/arena.h"
#include "tensor/block_type.h"
#include "tensor/device.h"
#include "tensor/row_source.h"
#include "tensor/view.h"

namespace faqsmith {

// One weight, or several with the same `in` stacked along `out`. Owns a copy in which 16 rows lie side by side. Any
// number of threads may read it at once.
class PanelMatrix {
 public:
  PanelMatrix() = default;  // empty
  // parts: [out_i, in]. type: F32, BF16 or F16, to which values are rounded (to nearest even). A model's matrices share
  // an arena; alone, one has its own.
  PanelMatrix(GgmlType type, std::span<const RowSource* const> parts, std::shared_ptr<Arena> arena = nullptr);

  [[nodiscard]] bool empty() const { return data_ == nullptr; }
  [[nodiscard]] GgmlType type() const { return type_; }
  [[nodiscard]] std::int64_t element_bytes() const { return type_ == GgmlType::F32 ? 4 : 2; }
  [[nodiscard]] std::int64_t n_in() const { return in_; }
  [[nodiscard]] std::int64_t n_out() const { return out_; }  // rows of all parts together
  [[nodiscard]] std::int64_t n_panels() const { return (out_ + kPanelRows - 1) / kPanelRows; }
  [[nodiscard]] std::size_t bytes() const;

  // Rows of a panel; columns that lie in one piece. A slice of the columns holds all panels, each column by column.
  static constexpr std::int64_t kPanelRows = 16, kSliceColumns = 256;
  // Where columns [column, column + kSliceColumns) of a panel start; column: a multiple of kSliceColumns.
  [[nodiscard]] const std::uint8_t* slice(std::int64_t panel, std::int64_t column) const {
    return data_ + offset(panel, column);
  }

 private:
  [[nodiscard]] std::int64_t offset(std::int64_t panel, std::int64_t column) const;  // bytes
  GgmlType type_ = GgmlType::F32;
  std::int64_t in_ = 0, out_ = 0;
  std::shared_ptr<Arena> arena_;
  std::uint8_t* data_ = nullptr;
};

struct PanelMatmul {
  In<float> x;  // [m, n_in]
  const PanelMatrix* w = nullptr;
  Out<float> y;  // [m, n_out]
};

inline void validate(const PanelMatmul& op) {
  require(op.w != nullptr && !op.w->empty(), "PanelMatmul: there is a weight");
  require(op.x.shape.rank == 2 && op.x.shape[1] == op.w->n_in(), "PanelMatmul: x is [m, in]");
  require(op.y.shape == Shape{op.x.shape[0], op.w->n_out()}, "PanelMatmul: y is [m, out]");
}

void run(Cpu& cpu, const PanelMatmul& op);

}  // namespace faqsmith
