// What a shape must fulfil before anything is computed with it.
#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kMaxDimension = std::int64_t{1} << 31;  // keeps every product of two sizes inside int64

bool is_positive(float x) {
  return std::isfinite(x) && x > 0;
}

// What is wrong with the scaling, or nothing.
std::string rope_fault(const LlamaConfig& config) {
  using enum RopeScaling::Kind;
  const RopeScaling& s = config.rope_scaling;
  if (!is_positive(s.factor)) return fmt::format("its factor is {}", s.factor);
  const bool has_context = s.original_positions > 0 && s.original_positions < kMaxDimension;
  if ((s.kind == Llama3 || s.kind == Yarn) && !has_context)
    return fmt::format("its original context is {}", s.original_positions);
  if (s.kind == Llama3 &&
      !(is_positive(s.low_freq_factor) && is_positive(s.high_freq_factor) && s.high_freq_factor > s.low_freq_factor)) {
    return fmt::format("its frequency factors are {} and {}", s.low_freq_factor, s.high_freq_factor);
  }
  if (s.kind == Yarn) {
    if (!is_positive(s.beta_fast) || !is_positive(s.beta_slow) || s.beta_fast < s.beta_slow)
      return fmt::format("its betas are {} and {}", s.beta_fast, s.beta_slow);
    if (!std::isfinite(s.attention_factor) || s.attention_factor < 0)
      return fmt::format("its attention factor is {}", s.attention_factor);
    if (config.rope_theta <= 1) return fmt::format("YaRN needs a rope_theta above 1, not {}", config.rope_theta);
  }
  if (s.kind == Factors) {
    if (static_cast<std::int64_t>(s.factors.size()) != config.head_dim / 2)
      return fmt::format("it has {} factors for heads of {}", s.factors.size(), config.head_dim);
    if (!std::all_of(s.factors.begin(), s.factors.end(), is_positive)) return "a factor is no positive number";
  }
  return "";
}

}  // namespace

std::int64_t LlamaConfig::n_parameters() const {
  const std::int64_t attention = 2 * hidden_size * q_size() + 2 * hidden_size * kv_size();
  const std::int64_t mlp = 3 * hidden_size * intermediate_size;
  const std::int64_t embeddings = (tied_embeddings ? 1 : 2) * vocab_size * hidden_size;
  const std::int64_t attention_biases = attention_bias ? q_size() + 2 * kv_size() + hidden_size : 0;
  const std::int64_t mlp_biases = mlp_bias ? 2 * intermediate_size + hidden_size : 0;
  return embeddings + n_layers * (attention + mlp + attention_biases + mlp_biases + 2 * hidden_size) + hidden_size;
}

void validate(const LlamaConfig& config, const std::string& file) {
  const auto check = [&](bool holds, const std::string& reason) {
    if (!holds) throw Error(Kind::Input, fmt::format("{}: {}", file, reason), "choose a Llama-family model file");
  };
  const auto check_size = [&](std::int64_t size, const char* field) {
    check(size > 0 && size < kMaxDimension, fmt::format("{} is {}, which is impossible", field, size));
  };
  check_size(config.hidden_size, "hidden_size");
  check_size(config.intermediate_size, "intermediate_size");
  check_size(config.n_layers, "n_layers");
  check_size(config.n_heads, "n_heads");
  check_size(config.n_kv_heads, "n_kv_heads");
  check_size(config.head_dim, "head_dim");
  check_size(config.vocab_size, "vocab_size");
  check_size(config.max_positions, "max_positions");
  check(config.n_heads % config.n_kv_heads == 0,
        fmt::format("n_heads {} is no multiple of n_kv_heads {}", config.n_heads, config.n_kv_heads));
  check(config.head_dim % 2 == 0, fmt::format("head_dim {} is odd, rotary embedding needs pairs", config.head_dim));
  check(config.q_size() < kMaxDimension,
        fmt::format("n_heads {} x head_dim {} is too large", config.n_heads, config.head_dim));
  check(std::isfinite(config.rope_theta) && config.rope_theta > 0, fmt::format("rope_theta is {}", config.rope_theta));
  check(std::isfinite(config.rms_norm_eps) && config.rms_norm_eps > 0,
        fmt::format("rms_norm_eps is {}", config.rms_norm_eps));
  check(config.sliding_window >= 0 && config.sliding_window < kMaxDimension,
        fmt::format("sliding_window is {}", config.sliding_window));
  const std::string fault = rope_fault(config);
  check(fault.empty(), "the RoPE scaling cannot be: " + fault);
}

}  // namespace faqsmith
