// Residual addition fused with root mean square normalisation (Zhang and Sennrich 2019, arXiv 1910.07467), and its
// gradient:
//   r = residual + delta;  inv_rms = 1 / sqrt(mean(r^2) + eps);  y = r * inv_rms * gamma.
// The residual stream and all sums are float32; y and delta have the compute type T (float or bf16).
#pragma once
#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

template <class T>
struct RmsNorm {
  In<float> residual;            // [m, hidden]
  In<T> delta = {};              // [m, hidden], what the last block adds; empty = nothing is added
  Out<float> residual_out = {};  // [m, hidden], r; may be residual's own memory; may be empty if delta is
  In<float> gamma;               // [hidden]
  Out<T> y;                      // [m, hidden]
  Out<float> inv_rms = {};       // [m], kept for the gradient; may be empty
  float eps = 1e-5f;
};

// Given dy (gradient of y), adds the gradient of r to d_residual: d_residual += gamma*dy*inv_rms -
// r*inv_rms^3*mean(r*gamma*dy). d_residual is then the gradient of residual and of delta alike; d_delta receives a copy
// in T for the next matrix product.
template <class T>
struct RmsNormGrad {
  In<float> r;              // [m, hidden], residual_out of the forward pass
  In<float> inv_rms;        // [m]
  In<float> gamma;          // [hidden]
  In<T> dy;                 // [m, hidden]
  Acc<float> d_residual;    // [m, hidden]
  Out<T> d_delta = {};      // [m, hidden]; may be empty
  Acc<float> d_gamma = {};  // [hidden]; empty = gamma is frozen
};

template <class T>
void validate(const RmsNorm<T>& op) {
  const Shape& s = op.residual.shape;
  require(s.rank == 2 && op.y.shape == s, "RmsNorm: residual and y are [m, hidden]");
  require(op.delta.empty() || (op.delta.shape == s && op.residual_out.shape == s),
          "RmsNorm: delta and residual_out are [m, hidden]");
  require(op.residual_out.empty() || op.residual_out.shape == s, "RmsNorm: residual_out is [m, hidden]");
  require(op.gamma.shape == Shape{s[1]}, "RmsNorm: gamma is [hidden]");
  require(op.inv_rms.empty() || op.inv_rms.shape == Shape{s[0]}, "RmsNorm: inv_rms is [m]");
}

template <class T>
void validate(const RmsNormGrad<T>& op) {
  const Shape& s = op.r.shape;
  require(s.rank == 2 && op.dy.shape == s && op.d_residual.shape == s,
          "RmsNormGrad: r, dy and d_residual are [m, hidden]");
  require(op.d_delta.empty() || op.d_delta.shape == s, "RmsNormGrad: d_delta is [m, hidden]");
  require(op.inv_rms.shape == Shape{s[0]} && op.gamma.shape == Shape{s[1]},
          "RmsNormGrad: inv_rms is [m], gamma [hidden]");
  require(op.d_gamma.empty() || op.d_gamma.shape == Shape{s[1]}, "RmsNormGrad: d_gamma is [hidden]");
}

template <class T>
void run(Cpu& cpu, const RmsNorm<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const RmsNormGrad<T>& op);

}  // namespace faqsmith
