// The evaluate stage: base model, tuned model and search alone answer the test questions; answers, scores and intervals
// go to the table answers and into report.html and report.json. Greedy answers with the bot's own prompt, so what is
// measured is what users get. Validation pairs are not part of it.
#pragma once
#include <cstdint>
#include <string>

#include "llm/chat_model.h"
#include "stages/evaluate/evaluation.h"
#include "stages/stage.h"

namespace faqsmith {

struct EvaluateOptions {
  std::uint64_t seed = 1;
  std::string topic;          // of the bot's system prompt
  int limit_per_part = 0;     // test items of each part, chosen by hash; 0 = all
  int max_tokens = 128;       // longest answer
  int candidates = 0;         // answers that the bot considers (faq/choice.h); 1: its greedy one alone; 0: by its size
  fs::path report_folder;     // empty: <workspace>/runs/evaluate-<key>
  fs::path training_metrics;  // metrics.jsonl of the train run; empty or missing: no loss curve
};

// Counts: items, and for each part and metric "<part> <metric> base|tuned|search|difference|low|high" (see
// evaluation.h). Notes the table through the reporter. Throws Error(User) if no pair is in a test part.
[[nodiscard]] StageReport evaluate(Workspace& workspace, const EvaluateOptions& options, ChatModel& base,
                                   ChatModel& tuned, Reporter& reporter);

// What the last finished evaluation found, from its rows. Throws Error(User) if there is none.
[[nodiscard]] Evaluation last_evaluation(Workspace& workspace, const EvaluateOptions& options);
// The folder of its report.
[[nodiscard]] fs::path report_folder(const Workspace& workspace, const EvaluateOptions& options,
                                     const std::string& run);

}  // namespace faqsmith
