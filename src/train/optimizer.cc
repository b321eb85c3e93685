// AdamW and clipping over the list of trained tensors.
#include "train/optimizer.h"

#include <cmath>

#include "ops/adamw.h"

namespace faqsmith {

Optimizer::Optimizer(const Cpu& cpu, const std::vector<TrainedTensor>& tensors, const TrainOptions& options)
    : cpu_(cpu), tensors_(tensors), options_(options) {
  for (const TrainedTensor& tensor : tensors) {
    moments_.push_back({Buffer<float>(tensor.value.shape), Buffer<float>(tensor.value.shape)});
  }
}

double Optimizer::decay_of(const TrainedTensor& tensor) const {
  switch (tensor.decay) {
    case TrainedTensor::Decay::Matrix:
      return options_.weight_decay;
    case TrainedTensor::Decay::Embedding:
      return options_.decay_embedding ? options_.weight_decay : 0;
    case TrainedTensor::Decay::None:
      return 0;
  }
  return 0;
}

double Optimizer::gradient_norm(double scale) {
  double total = 0;
  for (const TrainedTensor& tensor : tensors_) {
    double sum = 0;
    launch(cpu_, SumSquares{.x = tensor.grad, .sum = &sum});
    total += sum;
  }
  return std::sqrt(total) * scale;
}

void Optimizer::step(double learning_rate, double scale, double norm) {
  require(std::isfinite(norm), "an optimizer step needs a finite gradient");
  const bool clip = options_.clip_norm > 0 && norm > options_.clip_norm;
  const double factor = clip ? scale * options_.clip_norm / (norm + 1e-6) : scale;
  ++updates_;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const TrainedTensor& tensor = tensors_[i];
    launch(cpu_, AdamW{.param = tensor.value,
                       .m = {moments_[i].m.data(), moments_[i].m.shape()},
                       .v = {moments_[i].v.data(), moments_[i].v.shape()},
                       .grad = tensor.grad,
                       .lr = static_cast<float>(learning_rate),
                       .beta1 = static_cast<float>(options_.beta1),
                       .beta2 = static_cast<float>(options_.beta2),
                       .eps = static_cast<float>(options_.epsilon),
                       .weight_decay = static_cast<float>(decay_of(tensor)),
                       .step = updates_,
                       .grad_scale = static_cast<float>(factor)});
  }
}

}  // namespace faqsmith
