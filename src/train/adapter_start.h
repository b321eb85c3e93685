// Training that goes on from an adapter instead of a new one.
#pragma once
#include "train/options.h"

namespace faqsmith {

// With TrainOptions::adapter set: rank, alpha, kind and targets become the adapter's (dropout stays the run's), the
// method becomes LoRA, and adapter_sha256 is filled in. Throws Error(Input) that names the tensor where it does not fit
// the model, Error(User) for settings that contradict it. Without: nothing.
void take_adapter(TrainOptions& options, const LlamaConfig& model);

}  // namespace faqsmith
