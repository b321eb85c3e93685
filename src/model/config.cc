// What a shape must fulfil before anything is computed with it.
#include "model/config.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kMaxDimension = std::int64_t{1} << 31;  // keeps every product of two sizes inside int64

bool positive(float value) {
  return std::isfinite(value) && value > 0;
}

template <class Check>
void check_scaling(const LlamaConfig& config, const Check& check) {
  using Kind = RopeScaling::Kind;
  const RopeScaling& scaling = config.rope_scaling;
  check(positive(scaling.factor), fmt::format("the RoPE scaling factor is {}", scaling.factor));
  if (scaling.kind == Kind::Llama3 || scaling.kind == Kind::Yarn)
    check(scaling.original_positions > 0 && scaling.original_positions < kMaxDimension,
          fmt::format("RoPE scaling needs the original context, which is {}", scaling.original_positions));
  if (scaling.kind == Kind::Llama3)
    check(positive(scaling.low_freq_factor) && positive(scaling.high_freq_factor) &&
              scaling.low_freq_factor < scaling.high_freq_factor,
          fmt::format("the RoPE frequency factors are {} and {}", scaling.low_freq_factor, scaling.high_freq_factor));
  if (scaling.kind == Kind::Yarn) {
    check(positive(scaling.beta_fast) && positive(scaling.beta_slow) && scaling.beta_fast >= scaling.beta_slow,
          fmt::format("YaRN's betas are {} and {}", scaling.beta_fast, scaling.beta_slow));
    check(std::isfinite(scaling.attention_factor) && scaling.attention_factor >= 0 && config.rope_theta > 1,
          fmt::format("YaRN's attention factor is {}, rope_theta {}", scaling.attention_factor, config.rope_theta));
  }
  if (scaling.kind == Kind::Factors) {
    check(static_cast<std::int64_t>(scaling.factors.size()) == config.head_dim / 2,
          fmt::format("{} RoPE factors for {} frequencies", scaling.factors.size(), config.head_dim / 2));
    for (const float factor : scaling.factors) check(positive(factor), fmt::format("a RoPE factor is {}", factor));
  }
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
  check(config.sliding_window >= 0, fmt::format("sliding_window is {}", config.sliding_window));
  check_scaling(config, check);
  check(std::isfinite(config.rms_norm_eps) && config.rms_norm_eps > 0,
        fmt::format("rms_norm_eps is {}", config.rms_norm_eps));
}

}  // namespace faqsmith
