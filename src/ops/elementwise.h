// The small passes between the large ops: cast, add, bias, scale, rows by index, dropout.
#pragma once
#include <cstdint>

#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

template <class From, class To>
struct Cast {
  In<From> x;  // any shape
  Out<To> y;   // x's shape
};

template <class T>
struct AddInto {
  In<T> x;       // any shape
  Acc<float> y;  // x's shape: y += scale * x
  float scale = 1.0f;
};

// y[i] += bias: what a linear adds to every row of its product.
template <class T>
struct AddBias {
  In<float> bias;  // [width]
  InOut<T> y;      // [m, width]
};

// The gradient of AddBias: d_bias += the sum of dy's rows.
template <class T>
struct BiasGrad {
  In<T> dy;           // [m, width]
  Acc<float> d_bias;  // [width]
};

// y = x with every column multiplied by its factor. y may be x's own memory.
template <class T>
struct ScaleColumns {
  In<float> factors;  // [width]
  In<T> x;            // [m, width]
  Out<T> y;           // [m, width]
};

// The gradient of the factors: sums += weights * (the sum over rows of a * b).
template <class T>
struct ColumnDots {
  In<T> a;            // [m, width]
  In<T> b;            // [m, width]
  In<float> weights;  // [width]
  Acc<float> sums;    // [width]
};

struct Scale {
  InOut<float> x;  // any shape: x *= factor
  float factor = 1.0f;
};

// y[i] = x[rows[i]]: the labelled rows before the LM head, the last row of each sequence in generation.
template <class T>
struct GatherRows {
  In<T> x;                // [m, width]
  In<std::int32_t> rows;  // [n], each in [0, m)
  Out<T> y;               // [n, width]
};

// The gradient of GatherRows: y[rows[i]] += x[i]. Rows must be distinct.
template <class T>
struct ScatterAddRows {
  In<T> x;                // [n, width]
  In<std::int32_t> rows;  // [n]
  Acc<float> y;           // [m, width]
};

// Inverted dropout: y = x / (1 - p) where a hash of (seed, index) keeps the element, else 0. The same seed gives the
// same mask, so the gradient is the same op on dy. y may be x's own memory.
template <class T>
struct Dropout {
  In<T> x;         // any shape
  Out<T> y;        // x's shape
  float p = 0.0f;  // [0, 1)
  std::uint64_t seed = 0;
};

template <class From, class To>
void validate(const Cast<From, To>& op) {
  require(op.x.shape == op.y.shape, "Cast: x and y have one shape");
}
template <class T>
void validate(const AddInto<T>& op) {
  require(op.x.shape == op.y.shape, "AddInto: x and y have one shape");
}
template <class T>
void validate(const AddBias<T>& op) {
  require(op.y.shape.rank == 2 && op.bias.shape == Shape{op.y.shape[1]}, "AddBias: bias is [width], y [m, width]");
}
template <class T>
void validate(const BiasGrad<T>& op) {
  require(op.dy.shape.rank == 2 && op.d_bias.shape == Shape{op.dy.shape[1]},
          "BiasGrad: dy is [m, width], d_bias [width]");
}
template <class T>
void validate(const ScaleColumns<T>& op) {
  require(op.x.shape.rank == 2 && op.x.shape == op.y.shape && op.factors.shape == Shape{op.x.shape[1]},
          "ScaleColumns: x and y are [m, width], factors [width]");
}
template <class T>
void validate(const ColumnDots<T>& op) {
  const Shape width{op.a.shape[1]};
  require(op.a.shape.rank == 2 && op.a.shape == op.b.shape && op.weights.shape == width && op.sums.shape == width,
          "ColumnDots: a and b are [m, width], weights and sums [width]");
}
inline void validate(const Scale&) {}
inline void validate_row_indices(const In<std::int32_t>& rows, std::int64_t m) {
  for (std::int64_t i = 0; i < rows.shape.size(); ++i)
    require(rows.data[i] >= 0 && rows.data[i] < m, "row indices lie in the matrix");
}
template <class T>
void validate(const GatherRows<T>& op) {
  require(op.x.shape.rank == 2 && op.y.shape == Shape{op.rows.shape[0], op.x.shape[1]}, "GatherRows: y is [n, width]");
  validate_row_indices(op.rows, op.x.shape[0]);
}
template <class T>
void validate(const ScatterAddRows<T>& op) {
  require(op.y.shape.rank == 2 && op.x.shape == Shape{op.rows.shape[0], op.y.shape[1]},
          "ScatterAddRows: x is [n, width]");
  validate_row_indices(op.rows, op.y.shape[0]);
}
template <class T>
void validate(const Dropout<T>& op) {
  require(op.x.shape == op.y.shape && op.p >= 0.0f && op.p < 1.0f, "Dropout: x and y have one shape, p is in [0, 1)");
}

template <class From, class To>
void run(Cpu& cpu, const Cast<From, To>& op);  // float->bf16, bf16->float, float->float, bf16->bf16
template <class T>
void run(Cpu& cpu, const AddInto<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const AddBias<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const BiasGrad<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const ScaleColumns<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const ColumnDots<T>& op);  // float, bf16
void run(Cpu& cpu, const Scale& op);
template <class T>
void run(Cpu& cpu, const GatherRows<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const ScatterAddRows<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const Dropout<T>& op);  // float, bf16

}  // namespace faqsmith
