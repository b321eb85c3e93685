// From settings to the options of each stage: the only place that knows both.
#pragma once
#include "app/answer.h"
#include "app/settings.h"
#include "stages/collect/collect.h"
#include "stages/curate/curate.h"
#include "stages/evaluate/evaluate.h"
#include "stages/export/export.h"
#include "stages/generate/generate.h"
#include "stages/split/split.h"
#include "stages/train/train.h"
#include "train/options.h"

namespace faqsmith {

// The default of a setting that is a number in a stage's options, as text. Throws Error(Internal) for any other key.
[[nodiscard]] std::string stage_default(std::string_view key);

[[nodiscard]] CollectOptions collect_options(const Config& config);  // throws Error(User) if no documents are set
[[nodiscard]] GenerateOptions generate_options(const Config& config);
[[nodiscard]] CurateOptions curate_options(const Config& config);
[[nodiscard]] SplitOptions split_options(const Config& config);
[[nodiscard]] TrainOptions train_options(const Config& config);  // throws Error(User) for an unknown LoRA target
[[nodiscard]] TrainStageOptions train_stage_options(const Config& config, const fs::path& base_model);
[[nodiscard]] EvaluateOptions evaluate_options(const Config& config, const fs::path& workspace);
[[nodiscard]] ExportOptions export_options(const Config& config);  // without kinds and places
[[nodiscard]] AnswerOptions answer_options(const Config& config);

}  // namespace faqsmith
