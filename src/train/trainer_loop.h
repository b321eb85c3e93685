// The loop of trainer.h as a class: one step is a method. Private to train/.
#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include "train/metrics.h"
#include "train/trainer.h"

namespace faqsmith {

class TrainerLoop {
 public:
  TrainerLoop(const Cpu& cpu, const BaseModel& base, Weights& weights, const TrainData& data,
              const TrainOptions& resolved, FrozenBase frozen, const fs::path& run, Reporter& reporter);
  TrainResult run();

 private:
  struct StepOutcome {
    double loss = 0;  // a labelled token
    double norm = 0;
    std::int64_t tokens = 0;
    bool applied = false;
  };
  void make_graph(Weights& weights, FrozenBase frozen);
  void resume();
  StepOutcome step();
  [[nodiscard]] bool is_bad(double loss, double norm) const;
  void record(const StepOutcome& outcome, double seconds);
  void fit_into_time();
  void roll_back();
  [[nodiscard]] double validation_loss();
  void validate();
  void save(CheckpointKind kind);
  [[nodiscard]] bool out_of_patience() const;
  [[nodiscard]] TrainResult result() const;

  Cpu cpu_;
  const TrainData& data_;
  TrainOptions options_;
  fs::path run_;
  Reporter& reporter_;
  Manifest manifest_;
  LoraWeights lora_;
  std::unique_ptr<TrainGraph> graph_;
  std::optional<Optimizer> optimizer_;
  DataOrder order_;
  std::vector<Pack> validation_packs_;
  std::optional<MetricsFile> metrics_;
  std::int64_t capacity_ = 0;                                        // tokens of a pack
  std::chrono::steady_clock::time_point start_, second_step_start_;  // of run(); the first step also makes kernels
  std::int64_t first_step_ = 0, wanted_steps_ = 0;                   // of this process; of the options
  ProcessMemory memory_;
  double last_loss_ = 0, optimizer_seconds_ = 0, zero_seconds_ = 0, seconds_ = 0;
  std::vector<double> rates_;  // tokens a second of each step of this process
};

// Tokens that one forward and backward pass must hold for these data and settings; and the longest example.
[[nodiscard]] GraphLimits graph_limits(const TrainData& data, const TrainOptions& resolved);
// How the examples of a step are packed. Dropout draws its noise for each token, so tokens that are computed once would
// share it: then nothing is shared.
[[nodiscard]] PackOptions step_packs(const TrainOptions& resolved, std::int64_t capacity);

}  // namespace faqsmith
