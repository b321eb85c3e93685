// How long work tells a user what it does. Stages call it; the CLI implements it (bars on a terminal, lines in a pipe,
// JSON).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace faqsmith {

class Reporter {
 public:
  virtual ~Reporter() = default;
  // A bar opens: what it does ("generate questions"), how many units, the unit's name ("requests", "steps", "files").
  // Once more with the same `what` before end(): the same work, planned anew; what was counted stays.
  virtual void begin(std::string_view what, std::int64_t total, std::string_view unit) = 0;
  // done: units finished so far. detail: a short text beside the bar, e.g. "loss 1.23, 1,450 tok/s".
  virtual void update(std::int64_t done, std::string_view detail) = 0;
  virtual void end(std::string_view summary) = 0;
  virtual void note(std::string_view line) = 0;  // plain information
  virtual void warn(std::string_view line) = 0;  // shown even with --quiet
};

// For tests and library use.
class SilentReporter final : public Reporter {
 public:
  void begin(std::string_view, std::int64_t, std::string_view) override {}
  void update(std::int64_t, std::string_view) override {}
  void end(std::string_view) override {}
  void note(std::string_view) override {}
  void warn(std::string_view) override {}
};

}  // namespace faqsmith
