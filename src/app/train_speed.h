// How fast this machine trains this model, from well under a second of work: two layers of the student's shape with
// made-up weights, one pack of tokens, forward and backward.
#pragma once
#include "model/config.h"
#include "tensor/device.h"
#include "train/options.h"

namespace faqsmith {

struct TrainSpeed {
  double token_s = 0;  // seconds for one token, forward and backward
  double step_s = 0;   // seconds for one optimizer step beside its tokens: update, packed copies
};
// method: resolved; lora is read where an adapter is trained.
[[nodiscard]] TrainSpeed measure_train_speed(const Cpu& cpu, const LlamaConfig& student, Method method,
                                             const LoraConfig& lora);

}  // namespace faqsmith
