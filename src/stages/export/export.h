// The export stage: a training run -> files that other programs load: its adapter as PEFT's folder or as llama.cpp's
// GGUF (LoRA runs), the whole model as GGUF in F32, F16, BF16 or quantised with an Ollama Modelfile beside it, or as a
// Hugging Face folder. Promise: a file carries its final name only after it was read back by our own reader and passed
// the parity gate: tensors, tokenizer, rendered prompts and their ids, what the model computes after each layer,
// logits, greedy answers; exports.json notes what was measured. The merged model is never in memory as a whole. Writes
// no table but stage_runs.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "stages/export/kinds.h"
#include "stages/stage.h"
#include "tensor/device.h"

namespace faqsmith {

struct ExportOptions {
  std::vector<ExportKind> kinds = {};  // empty: GGUF in F32 and F16, of a LoRA run the adapter too
  fs::path base_model;                 // what the run was trained from
  fs::path run;                        // finished_train_run()
  fs::path folder;                     // made if absent; holds export_file_name() of each kind, and exports.json
  std::string topic;                   // of the bot's system prompt: the comparison asks as users do
  SafeFloat hf_type = SafeFloat::F32;  // of model-hf
  double hf_shard_gb = 5;              // 10^9 bytes; a larger model-hf is cut into files of at most this size
  int answer_tokens = 32;              // length of the greedy answers that are compared
  double temperature = 0;              // the bot's, for the Modelfile
  // Called with the working name of each file or folder before it is read back: for tests that break it.
  std::function<void(ExportKind kind, const fs::path& written)> after_write = {};
};

// Counts: files, bytes, tensors_compared, prompts, and of each kind of whole model X: same_text_X (prompts with the
// same greedy answer), score_difference_X (largest, natural logarithm, a token), logit_difference_X (relative). Throws
// Error(User) for an adapter of a full run, another base model or what a format has no words for, Error(Io) when the
// disk is too full (before anything is written where that can be told), Error(Internal) that names the tensor, the
// prompt or the first layer that differs if an export fails the gate; nothing of this export is left then.
[[nodiscard]] StageReport export_model(Workspace& workspace, const ExportOptions& options, Reporter& reporter);

}  // namespace faqsmith
