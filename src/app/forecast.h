// What a build will cost on this machine, before it starts; and how to make it fit a time budget. A forecast, not a
// promise: speeds come from about two seconds of work with the loaded model, counts from the sections that were
// collected.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "app/settings.h"
#include "app/train_speed.h"
#include "llm/local_model.h"
#include "stages/generate/generate.h"
#include "store/workspace.h"
#include "train/trainer.h"

namespace faqsmith {

// Tokens a second with all threads.
struct MachineSpeed {
  double read = 0;   // prompts, many at once
  double write = 0;  // replies, many at once
  TrainSpeed train;
};
// teacher reads and writes; student is what train will train, by the method that options resolve to.
[[nodiscard]] MachineSpeed measure_speed(LocalModel& teacher, const Cpu& cpu, const LlamaConfig& student,
                                         const TrainOptions& options);
// Tokens a second in training, an optimizer step of step_tokens included.
[[nodiscard]] double train_tokens_per_s(const MachineSpeed& speed, double step_tokens);

[[nodiscard]] double train_seconds(const MachineSpeed& speed, const TrainForecast& training);
// How many of training's steps fit into so many seconds; never more than it has, never fewer than 20 of them.
[[nodiscard]] std::int64_t steps_in(double seconds, const MachineSpeed& speed, const TrainForecast& training);

struct StageForecast {
  std::string stage, work;  // "3,600 wordings of 120 facts"
  double seconds = 0;
};

struct BuildForecast {
  std::vector<StageForecast> stages;
  std::int64_t n_facts = 0, n_pairs = 0, n_train_steps = 0;
  double generated_tokens = 0, trained_tokens = 0, seconds = 0;
  std::uint64_t memory_bytes = 0;  // peak
};
[[nodiscard]] BuildForecast forecast_build(Workspace& workspace, const Config& config, LocalModel& teacher,
                                           const LlamaConfig& student, const MachineSpeed& speed);

// Lowers wordings and steps until the forecast fits into seconds; changes config (origin: flag, place: --budget).
// Returns what was changed, in words a user can judge; empty if it fitted as it was. fits is false if even the least is
// more than the budget.
struct BudgetFit {
  std::vector<std::string> changes;
  bool fits = true;
  BuildForecast forecast;
};
[[nodiscard]] BudgetFit fit_budget(double seconds, Workspace& workspace, Config& config, LocalModel& teacher,
                                   const LlamaConfig& student, const MachineSpeed& speed);

}  // namespace faqsmith
