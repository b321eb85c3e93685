// `faqsmith build`: every stage in order, with a forecast before the long work. What a budget decides: app/budget.h.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "app/answer.h"
#include "app/forecast.h"
#include "app/pipeline.h"
#include "stages/evaluate/evaluation.h"

namespace faqsmith {

struct BuildResult {
  BuildForecast forecast;
  std::vector<std::string> budget_changes;  // empty: no budget, or it fitted
  std::vector<StageReport> stages;
  Evaluation evaluation;
  std::vector<Answer> samples;  // up to three test questions with the tuned model's answers
  fs::path report;              // report.html
  double seconds = 0;
  std::uint64_t peak_memory_bytes = 0;
};

// Called once the sections are known, before generation starts.
using ShowForecast = std::function<void(const MachineSpeed&, const BudgetFit&)>;

// config is changed where a budget asks for it. Throws what stages throw; finished stages stay.
[[nodiscard]] BuildResult build(Workspace& workspace, Config& config, Reporter& reporter, const ShowForecast& show);

}  // namespace faqsmith
