// AdamW over every trained tensor, with global-norm clipping. Promise: the same gradients give the same bytes for a
// fixed thread count; a step whose gradient is not finite is refused before anything changes.
#pragma once
#include <vector>

#include "model/train_graph.h"
#include "train/options.h"

namespace faqsmith {

struct Moments {
  Buffer<float> m, v;  // shape of their tensor
};

class Optimizer {
 public:
  Optimizer(const Cpu& cpu, const std::vector<TrainedTensor>& tensors,
            const TrainOptions& options);  // keeps a reference to tensors
  // L2 norm over all gradients times scale; NaN or Inf if any gradient is.
  [[nodiscard]] double gradient_norm(double scale);
  // One update with gradients times scale, clipped so that their norm (as gradient_norm gave it) is at most clip_norm.
  void step(double learning_rate, double scale, double norm);
  [[nodiscard]] std::int64_t updates() const { return updates_; }  // so far: Adam's bias correction counts them
  void set_updates(std::int64_t updates) { updates_ = updates; }
  [[nodiscard]] std::vector<Moments>& moments() { return moments_; }  // in the order of the tensors
  [[nodiscard]] double decay_of(const TrainedTensor& tensor) const;   // norms and biases: 0; see TrainOptions
  [[nodiscard]] static std::uint64_t forecast_bytes(std::uint64_t n_trained) { return 2 * sizeof(float) * n_trained; }

 private:
  Cpu cpu_;
  const std::vector<TrainedTensor>& tensors_;
  TrainOptions options_;
  std::vector<Moments> moments_;
  std::int64_t updates_ = 0;
};

}  // namespace faqsmith
