// The length of every row of a weight and its adapter together, ||W + scale · B A||, which DoRA (Liu et al. 2024, arXiv
// 2402.09353) divides by. W + scale · B A is never in memory as a whole.
#pragma once
#include "tensor/device.h"
#include "tensor/row_source.h"
#include "tensor/view.h"

namespace faqsmith {

struct AdaptedRowNorms {
  const RowSource* w = nullptr;  // [out, in]
  In<float> a;                   // [rank, in]
  In<float> b;                   // [out, rank]
  float scale = 1.0f;
  Out<float> norms;  // [out]
};

inline void validate(const AdaptedRowNorms& op) {
  require(op.w != nullptr && op.w->shape().rank == 2 && op.a.shape.rank == 2 && op.a.shape[1] == op.w->shape()[1],
          "AdaptedRowNorms: w is [out, in], a [rank, in]");
  require(op.b.shape == Shape{op.w->shape()[0], op.a.shape[0]} && op.norms.shape == Shape{op.w->shape()[0]},
          "AdaptedRowNorms: b is [out, rank], norms [out]");
}

void run(Cpu& cpu, const AdaptedRowNorms& op);

}  // namespace faqsmith
