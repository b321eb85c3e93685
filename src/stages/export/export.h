// The export stage: a training run -> files that other programs load: PEFT's adapter folder (LoRA runs), the whole
// model as GGUF in F32 and F16, or as a Hugging Face folder in float32. Promise: a file carries its final name only
// after it was read back by our own reader and compared with the trained model, tensor by tensor and by what it says;
// exports.json notes what was measured. Writes no table but stage_runs.
#pragma once
#include <string>
#include <vector>

#include "stages/stage.h"
#include "tensor/device.h"

namespace faqsmith {

enum class ExportKind { Adapter, GgufF32, GgufF16, Hf };
[[nodiscard]] const char* export_kind_name(ExportKind kind);          // "adapter", "f32", "f16", "hf"
[[nodiscard]] ExportKind parse_export_kind(const std::string& name);  // throws Error(User) with a suggestion

struct ExportOptions {
  std::vector<ExportKind> kinds;  // empty: GGUF in F32 and F16, of a LoRA run the adapter too
  fs::path base_model;            // what the run was trained from
  fs::path run;                   // finished_train_run()
  fs::path folder;                // made if absent: adapter/, model-f32.gguf, model-f16.gguf, model-hf/, exports.json
  std::string topic;              // of the bot's system prompt: the comparison asks as users do
};

// A value of a F16 file may differ from the trained one by rounding: 2^-11 of itself, or half a subnormal step.
inline constexpr float kHalfRelativeBound = 0x1p-11f, kHalfAbsoluteBound = 0x1p-25f;
// And log-probabilities of the trained model's own answers by this much a token, on average over an answer.
inline constexpr double kHalfScoreBound = 0.05;

// Counts: files, bytes, tensors_compared, prompts, same_text_f32, _f16, _hf (prompts with the same greedy answer),
// score_difference_f32, _f16, _hf (largest, natural logarithm, a token).
// Throws Error(User) for an adapter of a full run, another base model or what a format has no words for, Error(Io) when
// the disk is too full (before anything is written where that can be told), Error(Internal) that names the tensor or
// prompt if an export differs; its file is gone then.
[[nodiscard]] StageReport export_model(Workspace& workspace, const ExportOptions& options, Reporter& reporter);

}  // namespace faqsmith
