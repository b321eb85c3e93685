// Products with weights that stay in ggml's quantised blocks: y = x W^T. Each row of x is rounded to 8 bits, 32 columns
// to a scale, and multiplied with the blocks' integer codes; W never exists as float. So the result differs from the
// exact product: the error is that of rounding x, at most 1/254 of the largest of 32 neighbours an element (the tests
// hold the product to it; QuantKernel::Amx rounds otherwise). A row of y depends on its row of x alone, bit for bit,
// however many rows there are. Source of the blocks: ggml (tensor/quants.h tells their values). Non-goal: gradients;
// training reads float.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensor/arena.h"
#include "tensor/block_type.h"
#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

// Q8_0 to Q5_1 and Q2_K to Q6_K; F32, F16 and BF16 have no blocks.
[[nodiscard]] bool has_quant_kernel(GgmlType type);

// Rows of one type.
struct QuantPart {
  GgmlType type = GgmlType::Q8_0;
  std::vector<const std::byte*> rows;  // [out_i]: where each row's blocks start; in elements
};

// One weight, or several with the same `in` stacked along `out` (fused QKV, gate and up; each may have its own type).
// Owns a copy of the blocks in which 16 rows interleave, so that a register holds four codes of each (ops/cpu/
// quant_layout.h); its size is the file's but for rows that fill up 16 and up to 4% of the K types. Any number of
// threads may read it at once.
class QuantMatrix {
 public:
  QuantMatrix();  // empty
  // `in` divides by every part's block. A model's matrices share an arena; alone, one has its own.
  QuantMatrix(std::span<const QuantPart> parts, std::int64_t in, std::shared_ptr<Arena> arena = nullptr);
  // Rows of float32 [out, in] are rounded to Q8_0 first; `in` divides by 32.
  [[nodiscard]] static QuantMatrix from_float(std::span<const In<float>> parts, std::shared_ptr<Arena> arena = nullptr);
  ~QuantMatrix();
  QuantMatrix(QuantMatrix&&) noexcept;
  QuantMatrix& operator=(QuantMatrix&&) noexcept;

  [[nodiscard]] bool empty() const { return !impl_; }
  [[nodiscard]] std::int64_t n_in() const;
  [[nodiscard]] std::int64_t n_out() const;  // rows of all parts together
  [[nodiscard]] std::size_t bytes() const;
  void decode_row(std::int64_t row, float* out) const;  // out [in]: the values that the blocks mean, bit for bit

  struct Impl;
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Plain is the reference. Avx2: vpmaddubsw; Vnni: vpdpbusd on 512 bits. Amx is for many rows (from about 20 on it is
// the fastest) and never the best by itself, because its result is another one: on bf16 tiles, with the weights' values
// and x rounded to bf16 instead of x to 8 bits. Of each kernel a row of y depends on its row of x alone.
enum class QuantKernel { Best, Plain, Avx2, Vnni, Amx };
[[nodiscard]] bool can_run(QuantKernel kernel);  // on this processor, as ONEDNN_MAX_CPU_ISA allows

// y = x W^T.
template <class T, class Y>
struct QuantMatmul {
  In<T> x;  // [m, n_in]
  const QuantMatrix* w = nullptr;
  Out<Y> y;  // [m, n_out]
  QuantKernel kernel = QuantKernel::Best;
};

template <class T, class Y>
void validate(const QuantMatmul<T, Y>& op) {
  require(op.w != nullptr && !op.w->empty(), "QuantMatmul: there is a weight");
  require(op.x.shape.rank == 2 && op.x.shape[1] == op.w->n_in(), "QuantMatmul: x is [m, in]");
  require(op.y.shape == Shape{op.x.shape[0], op.w->n_out()}, "QuantMatmul: y is [m, out]");
  require(can_run(op.kernel), "QuantMatmul: the processor has this kernel's instructions");
}

template <class T, class Y>
void run(Cpu& cpu, const QuantMatmul<T, Y>& op);  // <float, float>, <bf16, bf16>, <bf16, float>

}  // namespace faqsmith
