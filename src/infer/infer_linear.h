// A linear layer as inference keeps it: in quantised blocks, or as floats, which are packed for products in bf16 or lie
// in panels for those in float32.
#pragma once
#include <cstddef>
#include <memory>
#include <span>

#include "model/weight_matrix.h"
#include "ops/matmul.h"
#include "ops/panel_matmul.h"
#include "ops/quant_matmul.h"

namespace faqsmith {

// What becomes of a model's matrices.
enum class WeightForm {
  Packed,     // all as floats of the compute type, exact up to its rounding: what tests and export compare with
  Blocks,     // those that the file holds in quantised blocks stay in them, the others are floats of 16 bits
  Quantised,  // as Blocks, but for floats, which are rounded to Q8_0
};

// Linears that read one input, as one product and, where the model has them, one bias.
class InferLinear {
 public:
  InferLinear() = default;
  // bias: [fused out] or empty. Reads the parts once; they may go afterwards. arena: for blocks.
  InferLinear(Compute compute, WeightForm form, const std::shared_ptr<Arena>& arena,
              std::span<const WeightMatrix* const> parts, Buffer<float> bias = {});

  // y [m, out] = x [m, in] W^T + bias. T is the compute type; with a bias Y is T. kernel: of blocks.
  template <class T, class Y>
  void multiply(Cpu& cpu, In<T> x, Out<Y> y, QuantKernel kernel = QuantKernel::Best) const;

  [[nodiscard]] std::int64_t n_in() const;
  [[nodiscard]] std::int64_t n_out() const;  // of all parts together
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] bool is_quantised() const { return !blocks_.empty(); }
  [[nodiscard]] const PackedMatrix& packed() const { return packed_; }  // empty in the other forms

 private:
  PackedMatrix packed_;
  PanelMatrix panels_;
  QuantMatrix blocks_;
  Buffer<float> bias_;
};

}  // namespace faqsmith
