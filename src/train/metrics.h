// metrics.jsonl of a run: one JSON line a step and a validation; beside it the same numbers for TensorBoard. Lines
// are written at once and synced before a checkpoint that a run may resume from (a later line can be computed again); a
// resumed run first drops the lines that its checkpoint does not know.
#pragma once
#include <cstdint>
#include <optional>

#include "sys/append_file.h"
#include "train/event_file.h"

namespace faqsmith {

struct StepMetrics {
  std::int64_t step = 0;  // 1-based
  double loss = 0;        // a labelled token
  double learning_rate = 0;
  double gradient_norm = 0;      // before clipping
  double tokens_per_second = 0;  // real tokens, prompt included
  bool skipped = false;
};

inline constexpr const char* kEventFile = "events.out.tfevents.faqsmith";  // TensorBoard looks for "tfevents"

class MetricsFile {
 public:
  // Keeps lines of steps <= last_step. The event file is path's folder / kEventFile.
  MetricsFile(const fs::path& path, std::int64_t last_step);
  void step(const StepMetrics& metrics);
  void validation(std::int64_t step, double loss);
  void rollback(std::int64_t step, std::int64_t to_step, double learning_rate_factor);
  void sync();

 private:
  AppendFile lines_;
  EventFile events_;
};

}  // namespace faqsmith
