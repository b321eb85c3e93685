// AdamW, Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101), over a flat float32 tensor,
// and the sum of squares for the global gradient norm. Both give the same bytes for the same input and thread count.
#pragma once
#include <cstdint>

#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

// g = grad * grad_scale;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
// param -= lr * (m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps) + weight_decay * param)
struct AdamW {
  InOut<float> param;  // any shape
  InOut<float> m;      // param's shape: mean of gradients
  InOut<float> v;      // param's shape: mean of squared gradients
  In<float> grad;      // param's shape
  float lr = 0.0f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float eps = 1e-8f;
  float weight_decay = 0.0f;
  std::int64_t step = 1;    // of this update, from 1
  float grad_scale = 1.0f;  // clipping and accumulation in one factor
};

// *sum = sum of x^2 in double (blocks of fixed size, added in order). Any NaN or Inf in x makes it non-finite.
struct SumSquares {
  In<float> x;  // any shape
  double* sum = nullptr;
};

inline void validate(const AdamW& op) {
  require(op.m.shape == op.param.shape && op.v.shape == op.param.shape && op.grad.shape == op.param.shape,
          "AdamW: m, v and grad have param's shape");
  require(op.step >= 1, "AdamW: steps count from 1");
}
inline void validate(const SumSquares& op) {
  require(op.sum != nullptr, "SumSquares: sum is given");
}

void run(Cpu& cpu, const AdamW& op);
void run(Cpu& cpu, const SumSquares& op);

}  // namespace faqsmith
