// A linear layer as inference keeps it: packed for matrix products in float32 or bf16, or in quantised blocks.
#pragma once
#include <cstddef>
#include <memory>
#include <span>

#include "model/weight_matrix.h"
#include "ops/matmul.h"
#include "ops/quant_matmul.h"

namespace faqsmith {

// What becomes of a model's matrices.
enum class WeightForm {
  Packed,     // all in the compute type: exact up to its rounding; tests, evaluation and export compare with it
  Blocks,     // those that the file holds in quantised blocks stay in them, the others are packed
  Quantised,  // as Blocks, and the others are rounded to Q8_0: half the bytes of bf16
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
  [[nodiscard]] const PackedMatrix& packed() const { return packed_; }  // empty if it is quantised

 private:
  PackedMatrix packed_;
  QuantMatrix blocks_;
  Buffer<float> bias_;
};

}  // namespace faqsmith
