// Two reads of a row of logits (maximum, sum of exponentials) and, for the gradient, a third with one write.
#include "ops/cross_entropy.h"

#include <algorithm>

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

struct RowSum {
  float max = 0.0f;
  float sum = 0.0f;  // of exp(logit - max)
};

// Any NaN makes sum NaN: exp keeps it. A row that is all -Inf, or holds +Inf, gives NaN too.
KERNEL_INLINE RowSum sum_row(const float* __restrict x, std::int64_t n) {
  const float max = max_of(x, n);
  constexpr std::int64_t kBlock = 4096;  // partial sums, so that rounding does not grow with the vocabulary
  float sum = 0.0f;
  for (std::int64_t at = 0; at < n; at += kBlock) {
    const std::int64_t end = std::min(at + kBlock, n);
    float part = 0.0f;
    for (std::int64_t i = at; i < end; ++i) part += fast_exp(x[i] - max);
    sum += part;
  }
  return {max, sum};
}

template <class T>
KERNEL_INLINE void grad_row(const float* x, RowSum row, float weight, T* d, std::int64_t n) {
  const float factor = weight / row.sum;
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) store(d + i, factor * fast_exp(x[i] - row.max));
}

}  // namespace

template <class T>
void run(Cpu&, const CrossEntropy<T>& op) {
  parallel_each(op.labels.shape[0], [&](std::int64_t row) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t vocab = op.logits.shape[1];
      const std::int32_t label = op.labels.data[row];
      T* const d = op.d_logits.empty() ? nullptr : op.d_logits.data + row * vocab;
      if (label == kIgnoreLabel) {
        op.loss.data[row] = 0.0f;
        if (d) std::fill(d, d + vocab, T{});
        return;
      }
      const float* const x = op.logits.data + row * vocab;
      const float weight = op.weights.empty() ? 1.0f : op.weights.data[row];
      const RowSum sum = sum_row(x, vocab);
      const float log_prob = x[label] - sum.max - std::log(sum.sum);
      op.loss.data[row] = -weight * log_prob;
      if (!d) return;
      grad_row(x, sum, weight, d, vocab);
      store(d + label, weight * (std::exp(log_prob) - 1.0f));
    });
  });
}
template void run(Cpu&, const CrossEntropy<float>&);
template void run(Cpu&, const CrossEntropy<bf16>&);

void run(Cpu&, const LogProb& op) {
  parallel_each(op.labels.shape[0], [&](std::int64_t row) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t vocab = op.logits.shape[1];
      const float* const x = op.logits.data + row * vocab;
      const RowSum sum = sum_row(x, vocab);
      op.log_prob.data[row] = x[op.labels.data[row]] - sum.max - std::log(sum.sum);
    });
  });
}

}  // namespace faqsmith
