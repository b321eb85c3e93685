// The training loop. Promise: the same data, settings, base model, processor and thread count give the same final
// bytes, also when the run was killed and resumed any number of times (without TrainOptions::seconds); a step with a
// non-finite or spiking loss changes nothing.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/reporter.h"
#include "sys/memory.h"
#include "train/checkpoint.h"
#include "train/examples.h"
#include "train/length_report.h"

namespace faqsmith {

struct BaseModel {
  std::string name, sha256;
};

struct TrainResult {
  Method method = Method::Full;
  std::int64_t steps = 0;           // done, skipped ones included
  std::int64_t skipped_steps = 0;   // non-finite or spiking: not applied
  std::int64_t trained_tokens = 0;  // real tokens through forward and backward, prompts included
  std::int64_t best_step = -1;      // -1: there was no validation set
  double best_loss = 0;             // validation, a labelled token
  double last_loss = 0;             // training loss of the last step of this process
  double seconds = 0;               // in this process
  ProcessMemory memory;             // of this process when the last step was done
  bool stopped_early = false;
  double median_tokens_per_second = 0;                     // over this process's steps, the first excluded
  std::vector<std::pair<std::string, double>> seconds_by;  // where the steps' time went, largest first
  LengthReport lengths;
};

struct TrainForecast {
  Method method = Method::Full;
  std::int64_t steps = 0;
  double tokens = 0;                     // real tokens over all steps, about
  FrozenBase base = FrozenBase::Packed;  // read when an adapter is trained
  // At the peak, beside what the process has already. memory: its own (graph, optimizer, masters or NF4, adapter);
  // mapped: of the model's files, which the system drops and reads again when memory is short.
  std::uint64_t memory_bytes = 0, mapped_bytes = 0;
  std::int64_t trained_parameters = 0;
};
// stored: of the model's files. BaseMemory::Auto is Packed where that fits into the memory that is free now.
[[nodiscard]] TrainForecast forecast_training(const Cpu& cpu, const LlamaConfig& model, const TrainData& data,
                                              const TrainOptions& options, const StoredSizes& stored = {});
// Throws Error(Device) that says what to lower if the forecast is more than the machine has free.
void check_memory(const TrainForecast& forecast, const TrainOptions& options, std::uint64_t available_bytes);

// Checks the data (check_data) and says how long it is (length_report.h), then trains weights in place (LoRA: leaves
// them alone, in whatever form they are kept; QLoRA: has their linears in NF4) and writes run/: checkpoints and
// metrics.jsonl. Resumes run/ if it holds a checkpoint of the same run; a finished one returns at once. The result to
// use is load_checkpoint_into(fresh weights, run). Throws Error (see check_data, resolve), Error(User) with what to
// lower when training diverges, Interrupted after writing a checkpoint.
TrainResult train(const Cpu& cpu, const BaseModel& base, Weights& weights, const TrainData& data, TokenId end_of_turn,
                  const TrainOptions& options, const fs::path& run, Reporter& reporter);

}  // namespace faqsmith
