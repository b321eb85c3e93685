// Matrix products with a weight that is packed once: y = x W^T (forward), dx = dy W (backward) and dW += dy^T x.
// Operands are float32 or bfloat16 (PackedMatrix decides), sums are float32. Non-goal: products of two activations.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "tensor/buffer.h"
#include "tensor/device.h"
#include "tensor/row_source.h"
#include "tensor/view.h"

namespace faqsmith {

// Which product a packed weight serves.
enum class Product {
  Forward,   // x [m, in]  -> y  [m, out]
  Backward,  // dy [m, out] -> dx [m, in]
};

// Rows that a thread decodes at most before it packs them (repack).
constexpr std::int64_t kMaxStripRows = 64;

// Memory that packed matrices use in turn: each holds its values from its own repack() until another's. It grows while
// they are constructed, never later.
class PackMemory {
 public:
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(memory_.size()); }

 private:
  friend class PackedMatrix;
  Buffer<std::uint8_t> memory_;
  const void* holder_ = nullptr;  // whose values are in it
};

// One weight, or several with the same `in` stacked along `out` (fused QKV, gate and up), in the layout that the matrix
// product wants. Owns its memory, or shares it: n_in * n_out * (2 bytes in Bf16, 4 in F32), padded to blocks. Any
// number of threads may read it at once; repack() excludes readers.
class PackedMatrix {
 public:
  PackedMatrix();  // empty
  // parts: [out_i, in]. scale multiplies every weight (LoRA's alpha / rank).
  PackedMatrix(Compute compute, std::span<const RowSource* const> parts, Product product, float scale = 1.0f);
  PackedMatrix(Compute compute, const RowSource& weight, Product product, float scale = 1.0f);
  PackedMatrix(Compute compute, In<float> weight, Product product, float scale = 1.0f);
  // In shared memory, which has to outlive it; without values until repack().
  PackedMatrix(Compute compute, std::span<const RowSource* const> parts, Product product, PackMemory& memory);
  ~PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;

  // Takes new values of the same shapes in place: after an optimizer step, or when a weight in shared memory is needed
  // again. Rows that are not in memory as float32 are decoded a few at a time, in a small buffer of each thread.
  void repack(std::span<const RowSource* const> parts, float scale = 1.0f);
  void repack(const RowSource& weight, float scale = 1.0f);
  void repack(In<float> weight, float scale = 1.0f) { repack(MemoryRows(weight), scale); }

  [[nodiscard]] bool empty() const { return !impl_; }
  [[nodiscard]] Compute compute() const;
  [[nodiscard]] Product product() const;
  [[nodiscard]] std::int64_t n_in() const;    // columns of W
  [[nodiscard]] std::int64_t n_out() const;   // rows of W, all parts together
  [[nodiscard]] std::int64_t reads() const;   // columns of the left operand: n_in forward, n_out backward
  [[nodiscard]] std::int64_t writes() const;  // columns of the result: n_out forward, n_in backward
  [[nodiscard]] std::size_t bytes() const;    // of its own; 0 in shared memory

  struct Impl;
  [[nodiscard]] const Impl& impl() const;  // with its values in place

 private:
  std::unique_ptr<Impl> impl_;
};

// What a PackedMatrix of [out, in] takes on this processor, without making one.
[[nodiscard]] std::size_t packed_bytes(Compute compute, Product product, std::int64_t out, std::int64_t in);

enum class Write { Replace, Add };

// y (=, +=) x W^T, or x W for a weight packed with Product::Backward. T is the weight's compute type (float for F32,
// bf16 for Bf16); Y is T or float. x and y may be wider than the product: columns [x_column, x_column + reads) are read
// and [y_column, y_column + writes) written, so a slice of a fused buffer needs no copy.
template <class T, class Y>
struct Matmul {
  In<T> x;  // [m, >= x_column + w.reads()]
  const PackedMatrix* w = nullptr;
  Out<Y> y;  // [m, >= y_column + w.writes()]; m may be smaller than the buffer: first_rows()
  Write write = Write::Replace;
  std::int64_t x_column = 0;
  std::int64_t y_column = 0;
};

// dw (=, +=) scale * dy^T x, over columns [dy_column, dy_column + out) of dy and [x_column, x_column + in) of x.
// Replacing saves zeroing dw and reading it: for the first micro-batch of a step.
template <class T>
struct MatmulWeightGrad {
  In<T> dy;       // [m, >= dy_column + out]
  In<T> x;        // [m, >= x_column + in]
  Acc<float> dw;  // [out, in]
  float scale = 1.0f;
  std::int64_t dy_column = 0;
  std::int64_t x_column = 0;
  Write write = Write::Add;
};

template <class T>
inline constexpr Compute kComputeOf = sizeof(T) == 2 ? Compute::Bf16 : Compute::F32;

template <class T, class Y>
void validate(const Matmul<T, Y>& op) {
  require(op.w != nullptr && !op.w->empty(), "Matmul: the weight is packed");
  require(op.w->compute() == kComputeOf<T>, "Matmul: x has the weight's compute type");
  require(op.x.shape.rank == 2 && op.y.shape.rank == 2 && op.x.shape[0] == op.y.shape[0],
          "Matmul: x and y have the same rows");
  require(op.x_column >= 0 && op.x_column + op.w->reads() <= op.x.shape[1], "Matmul: x has the columns that W reads");
  require(op.y_column >= 0 && op.y_column + op.w->writes() <= op.y.shape[1], "Matmul: y has the columns that W writes");
}

template <class T>
void validate(const MatmulWeightGrad<T>& op) {
  require(op.dy.shape.rank == 2 && op.x.shape.rank == 2 && op.dw.shape.rank == 2, "MatmulWeightGrad: matrices");
  require(op.dy.shape[0] == op.x.shape[0], "MatmulWeightGrad: dy and x have the same rows");
  require(op.write == Write::Add || op.x.shape[0] > 0, "MatmulWeightGrad: there are rows to replace dw with");
  require(op.dy_column >= 0 && op.dy_column + op.dw.shape[0] <= op.dy.shape[1],
          "MatmulWeightGrad: dy has dw's rows as columns");
  require(op.x_column >= 0 && op.x_column + op.dw.shape[1] <= op.x.shape[1], "MatmulWeightGrad: x has dw's columns");
}

template <class T, class Y>
void run(Cpu& cpu, const Matmul<T, Y>& op);  // <float, float>, <bf16, bf16>, <bf16, float>
template <class T>
void run(Cpu& cpu, const MatmulWeightGrad<T>& op);  // float, bf16

}  // namespace faqsmith
