// One pass: 16 bytes read and 12 written per parameter, so memory bandwidth is the limit.
#include "ops/adamw.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

struct Factors {
  float beta1, beta2, eps, grad_scale;
  float step_size;  // lr / (1 - beta1^step)
  float v_scale;    // 1 / (1 - beta2^step)
  float decay;      // 1 - lr * weight_decay
};

KERNEL_INLINE void update(float* __restrict param, float* __restrict m, float* __restrict v,
                          const float* __restrict grad, Factors f, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = grad[i] * f.grad_scale;
    const float mean = f.beta1 * m[i] + (1.0f - f.beta1) * g;
    const float square = f.beta2 * v[i] + (1.0f - f.beta2) * g * g;
    m[i] = mean;
    v[i] = square;
    param[i] = f.decay * param[i] - f.step_size * mean / (std::sqrt(square * f.v_scale) + f.eps);
  }
}

KERNEL_INLINE double block_sum(const float* __restrict x, std::int64_t n) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace

void run(Cpu&, const AdamW& op) {
  const double step = static_cast<double>(op.step);
  const Factors f{.beta1 = op.beta1,
                  .beta2 = op.beta2,
                  .eps = op.eps,
                  .grad_scale = op.grad_scale,
                  .step_size = static_cast<float>(op.lr / (1.0 - std::pow(static_cast<double>(op.beta1), step))),
                  .v_scale = static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(op.beta2), step))),
                  .decay = static_cast<float>(1.0 - static_cast<double>(op.lr) * static_cast<double>(op.weight_decay))};
  parallel_for(op.param.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      update(op.param.data + begin, op.m.data + begin, op.v.data + begin, op.grad.data + begin, f, end - begin);
    });
  });
}

void run(Cpu&, const SumSquares& op) {
  constexpr std::int64_t kBlock = 1 << 16;  // fixed, so that the result does not depend on the number of threads
  const std::int64_t n = op.x.shape.size(), n_blocks = (n + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<std::size_t>(n_blocks));
  parallel_for(n_blocks, [&](std::int64_t begin, std::int64_t end) {
    double* const out = sums.data();
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t b = begin; b < end; ++b)
        out[b] = block_sum(op.x.data + b * kBlock, std::min(kBlock, n - b * kBlock));
    });
  });
  *op.sum = 0.0;
  for (const double s : sums) *op.sum += s;
}

}  // namespace faqsmith
