// Inline SVG for the report: no script, no outside resource; colours come from the page's style sheet.
#pragma once
#include <string>
#include <vector>

#include "stages/evaluate/evaluation.h"

namespace faqsmith {

[[nodiscard]] std::string funnel_chart(const std::vector<FunnelStep>& steps);
// Training loss (averaged over neighbours) and validation loss against steps.
[[nodiscard]] std::string loss_chart(const LossCurve& curve);
// Base, tuned and search on one line of a common scale [0, 1], the interval of the tuned model's gain as a band.
[[nodiscard]] std::string gain_chart(const Comparison& row);

// About `wanted` round numbers that span [low, high].
[[nodiscard]] std::vector<double> round_ticks(double low, double high, int wanted);

}  // namespace faqsmith
