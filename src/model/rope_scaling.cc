// Each kind of scaling as a change of the plain frequencies.
#include "model/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace faqsmith {
namespace {

constexpr double kTurn = 2.0 * std::numbers::pi;

// Waves longer than the trained context are stretched, those much shorter are kept, those between are blended.
void stretch_llama3(const RopeScaling& scaling, std::vector<double>& frequencies) {
  const double context = static_cast<double>(scaling.original_positions), factor = scaling.factor;
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor;
  for (double& frequency : frequencies) {
    const double turns = context * frequency / kTurn;  // within the trained context
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency *= kept + (1.0 - kept) / factor;
  }
}

// The dimension whose wave turns n times within the trained context.
double dimension_of(double turns, double context, double theta, double head_dim) {
  return head_dim * std::log(context / (turns * kTurn)) / (2.0 * std::log(theta));
}

void stretch_yarn(const LlamaConfig& config, std::vector<double>& frequencies) {
  const RopeScaling& scaling = config.rope_scaling;
  const double context = static_cast<double>(scaling.original_positions), dim = static_cast<double>(config.head_dim);
  double first = dimension_of(scaling.beta_fast, context, config.rope_theta, dim);
  double last = dimension_of(scaling.beta_slow, context, config.rope_theta, dim);
  if (scaling.truncate) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, dim - 1.0);
  if (first == last) last += 0.001;  // as the reference: no division by zero
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double stretched = std::clamp((static_cast<double>(i) - first) / (last - first), 0.0, 1.0);
    frequencies[i] *= 1.0 - stretched + stretched / scaling.factor;
  }
}

double yarn_scale(const RopeScaling& scaling) {
  if (scaling.attention_factor > 0.0f) return scaling.attention_factor;
  return yarn_attention_factor(scaling.factor);
}

}  // namespace

double yarn_attention_factor(double factor, double scale) {
  return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1;
}

ScaledFrequencies scaled_frequencies(const LlamaConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  ScaledFrequencies out{.frequencies = rope_frequencies(config.head_dim, config.rope_theta)};
  switch (scaling.kind) {
    case RopeScaling::Kind::None:
    case RopeScaling::Kind::Dynamic:
      break;
    case RopeScaling::Kind::Linear:
      for (double& frequency : out.frequencies) frequency /= scaling.factor;
      break;
    case RopeScaling::Kind::Llama3:
      stretch_llama3(scaling, out.frequencies);
      break;
    case RopeScaling::Kind::Yarn:
      stretch_yarn(config, out.frequencies);
      out.scale = yarn_scale(scaling);
      break;
    case RopeScaling::Kind::Factors:
      for (std::size_t i = 0; i < out.frequencies.size(); ++i) out.frequencies[i] /= scaling.factors[i];
      break;
  }
  return out;
}

std::vector<float> rope_factors(const LlamaConfig& config) {
  const std::vector<double> plain = rope_frequencies(config.head_dim, config.rope_theta);
  const std::vector<double> scaled = scaled_frequencies(config).frequencies;
  std::vector<float> factors;
  for (std::size_t i = 0; i < plain.size(); ++i) factors.push_back(static_cast<float>(plain[i] / scaled[i]));
  return factors;
}

}  // namespace faqsmith
