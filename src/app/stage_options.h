// From settings to the options of each stage: the only place that knows both.
#pragma once
#include "app/answer.h"
#include "app/settings.h"
#include "stages/collect/collect.h"
#include "stages/curate/curate.h"
#include "stages/evaluate/evaluate.h"
#include "stages/generate/generate.h"
#include "stages/split/split.h"
#include "train/options.h"

namespace faqsmith {

[[nodiscard]] CollectOptions collect_options(const Config& config);  // throws Error(User) if no documents are set
[[nodiscard]] GenerateOptions generate_options(const Config& config);
[[nodiscard]] CurateOptions curate_options(const Config& config);
[[nodiscard]] SplitOptions split_options(const Config& config);
[[nodiscard]] TrainOptions train_options(const Config& config);  // throws Error(User) for an unknown LoRA target
[[nodiscard]] EvaluateOptions evaluate_options(const Config& config);
[[nodiscard]] AnswerOptions answer_options(const Config& config);

}  // namespace faqsmith
