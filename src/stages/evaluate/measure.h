// From stored answers to the comparison: means, differences, intervals, funnel, loss curve. Internal to
// stages/evaluate.
#pragma once
#include "stages/evaluate/items.h"

namespace faqsmith {

// Reads the answers of a run. Items that a column has not answered are left out of that column.
[[nodiscard]] Evaluation measure(Database& db, const std::string& run, const TestMaterial& material,
                                 const EvaluateOptions& options);

// metrics.jsonl of a train run; lines that do not parse are skipped, a missing file gives an empty curve.
[[nodiscard]] LossCurve read_loss_curve(const fs::path& metrics_jsonl);

}  // namespace faqsmith
