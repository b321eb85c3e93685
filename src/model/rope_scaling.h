// The rotary table of a model: its frequencies, changed as its configuration says.
#pragma once
#include <vector>

#include "model/config.h"
#include "ops/rope.h"

namespace faqsmith {

struct ScaledFrequencies {
  std::vector<double> frequencies;  // [head_dim / 2], radians a position
  double scale = 1.0;               // of cosines and sines
};
// Formulas: transformers, modeling_rope_utils.py.
[[nodiscard]] ScaledFrequencies scaled_frequencies(const LlamaConfig& config);
[[nodiscard]] RopeTable make_rope_table(const LlamaConfig& config, std::int64_t max_positions);

// 0.1 · scale · ln(factor) + 1, and 1 for a factor of at most 1: YaRN's default attention factor, for a scale of 1.
[[nodiscard]] double yarn_attention_factor(double factor, double scale = 1.0);

// frequencies / scaled frequencies: the divisors that GGUF keeps in rope_freqs.weight.
[[nodiscard]] std::vector<float> rope_factors(const LlamaConfig& config);

}  // namespace faqsmith
