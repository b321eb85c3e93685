// Negative log-likelihood of labels under float32 logits, with its gradient, and log-probabilities for scoring.
// Stable: the row's maximum is subtracted first. A NaN logit gives a NaN loss, never a silent number.
#pragma once
#include <cstdint>

#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

constexpr std::int32_t kIgnoreLabel = -100;  // prompt tokens carry no loss: used by packing, loss and tests

// loss[i] = weight[i] * -log softmax(logits[i])[label[i]];  d_logits = weight[i] * (softmax(logits[i]) -
// onehot(label[i])). A row whose label is kIgnoreLabel has loss 0 and gradient 0.
template <class T>
struct CrossEntropy {
  In<float> logits;         // [rows, vocab]
  In<std::int32_t> labels;  // [rows]
  In<float> weights = {};   // [rows]; empty = 1 everywhere
  Out<float> loss;          // [rows]
  Out<T> d_logits = {};     // [rows, vocab]; empty = loss only; for T = float it may be the logits' own memory
};

struct LogProb {
  In<float> logits;         // [rows, vocab]
  In<std::int32_t> labels;  // [rows], each in [0, vocab)
  Out<float> log_prob;      // [rows]: log softmax(logits[i])[label[i]]
};

inline void validate_labels(const In<float>& logits, const In<std::int32_t>& labels) {
  require(logits.shape.rank == 2 && labels.shape == Shape{logits.shape[0]}, "labels is [rows], logits [rows, vocab]");
  for (std::int64_t i = 0; i < labels.shape[0]; ++i) {
    const std::int32_t label = labels.data[i];
    require(label == kIgnoreLabel || (label >= 0 && label < logits.shape[1]),
            "labels lie in the vocabulary or are kIgnoreLabel");
  }
}

template <class T>
void validate(const CrossEntropy<T>& op) {
  validate_labels(op.logits, op.labels);
  require(op.loss.shape == op.labels.shape, "CrossEntropy: loss is [rows]");
  require(op.weights.empty() || op.weights.shape == op.labels.shape, "CrossEntropy: weights is [rows]");
  require(op.d_logits.empty() || op.d_logits.shape == op.logits.shape, "CrossEntropy: d_logits has logits' shape");
}

inline void validate(const LogProb& op) {
  validate_labels(op.logits, op.labels);
  require(op.log_prob.shape == op.labels.shape, "LogProb: log_prob is [rows]");
}

template <class T>
void run(Cpu& cpu, const CrossEntropy<T>& op);  // float, bf16
void run(Cpu& cpu, const LogProb& op);

}  // namespace faqsmith
