// RmsNorm row by row; a row stays in the first cache between its two passes. Bytes moved per element: forward 8
// (residual in and out) + 2 * sizeof(T), gradient 12 + 2 * sizeof(T).
#include "ops/rms_norm.h"

#include <vector>

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

template <class T>
KERNEL_INLINE void add_row(const float* a, const T* __restrict b, float* out, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) out[i] = a[i] + load(b + i);
}

KERNEL_INLINE float inverse_rms(const float* __restrict r, std::int64_t n, float eps) {
  float sum = 0.0f;
  for (std::int64_t i = 0; i < n; ++i) sum += r[i] * r[i];
  return 1.0f / std::sqrt(sum / static_cast<float>(n) + eps);
}

template <class T>
KERNEL_INLINE void scale_row(const float* __restrict r, const float* __restrict gamma, float inv, T* __restrict y,
                             std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) store(y + i, r[i] * inv * gamma[i]);
}

template <class T>
KERNEL_INLINE void grad_row(const RmsNormGrad<T>& op, std::int64_t row, float* __restrict d_gamma) {
  const std::int64_t n = op.r.shape[1];
  const float* __restrict r = op.r.data + row * n;
  const T* __restrict dy = op.dy.data + row * n;
  const float* __restrict gamma = op.gamma.data;
  float* __restrict d_residual = op.d_residual.data + row * n;
  const float inv = op.inv_rms.data[row];
  float sum = 0.0f;
  for (std::int64_t i = 0; i < n; ++i) sum += r[i] * gamma[i] * load(dy + i);
  const float k = sum / static_cast<float>(n) * inv * inv * inv;
  for (std::int64_t i = 0; i < n; ++i) d_residual[i] += gamma[i] * load(dy + i) * inv - r[i] * k;
  if (d_gamma) {
    for (std::int64_t i = 0; i < n; ++i) d_gamma[i] += load(dy + i) * r[i] * inv;
  }
  if (!op.d_delta.empty()) {
    T* __restrict d_delta = op.d_delta.data + row * n;
    for (std::int64_t i = 0; i < n; ++i) store(d_delta + i, d_residual[i]);
  }
}

}  // namespace

template <class T>
void run(Cpu&, const RmsNorm<T>& op) {
  parallel_for(op.residual.shape[0], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t n = op.residual.shape[1];
      for (std::int64_t row = begin; row < end; ++row) {
        const float* r = op.residual.data + row * n;
        if (!op.delta.empty()) {
          add_row(r, op.delta.data + row * n, op.residual_out.data + row * n, n);
          r = op.residual_out.data + row * n;
        } else if (!op.residual_out.empty() && op.residual_out.data != op.residual.data) {
          std::copy(r, r + n, op.residual_out.data + row * n);
        }
        const float inv = inverse_rms(r, n, op.eps);
        if (!op.inv_rms.empty()) op.inv_rms.data[row] = inv;
        scale_row(r, op.gamma.data, inv, op.y.data + row * n, n);
      }
    });
  });
}
template void run(Cpu&, const RmsNorm<float>&);
template void run(Cpu&, const RmsNorm<bf16>&);

template <class T>
void run(Cpu&, const RmsNormGrad<T>& op) {
  const std::int64_t m = op.r.shape[0], n = op.r.shape[1], parts = n_threads();
  // Each part of the rows sums gamma's gradient apart; the parts are then added in order.
  std::vector<float> partial(op.d_gamma.empty() ? 0 : static_cast<std::size_t>(parts * n), 0.0f);
  float* const partial_data = op.d_gamma.empty() ? nullptr : partial.data();
  parallel_for(parts, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part) {
      const std::int64_t begin = m * part / parts, end = m * (part + 1) / parts;
      float* const d_gamma = partial_data ? partial_data + part * n : nullptr;
      with_best_isa([=](auto) KERNEL_LAMBDA {
        for (std::int64_t row = begin; row < end; ++row) grad_row(op, row, d_gamma);
      });
    }
  });
  if (!partial_data) return;
  for (std::int64_t part = 0; part < parts; ++part) {
    for (std::int64_t i = 0; i < n; ++i) op.d_gamma.data[i] += partial_data[part * n + i];
  }
}
template void run(Cpu&, const RmsNormGrad<float>&);
template void run(Cpu&, const RmsNormGrad<bf16>&);

}  // namespace faqsmith
