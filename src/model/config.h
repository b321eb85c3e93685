// The shape of a Llama-family model. Names follow Hugging Face's config.json.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace faqsmith {

// How the rotary frequencies are changed so that a context longer than the trained one works. Source: transformers,
// modeling_rope_utils.py; YaRN is Peng et al. 2023 (arXiv 2309.00071).
struct RopeScaling {
  enum class Kind {
    None,
    Linear,   // positions divided by factor
    Dynamic,  // NTK-aware: changes nothing up to max_positions, and faqsmith goes no further
    Llama3,   // long waves divided by factor, short ones kept, a blend between
    Yarn,     // the same with another blend, and cosines and sines scaled
    Factors,  // a divisor for each frequency: how GGUF keeps Llama3's
  };
  Kind kind = Kind::None;
  float factor = 1.0f;
  std::int64_t original_positions = 0;                    // the trained context: Llama3, YaRN
  float low_freq_factor = 1.0f, high_freq_factor = 4.0f;  // Llama3
  float beta_fast = 32.0f, beta_slow = 1.0f;              // YaRN
  float attention_factor = 0.0f;                          // YaRN; 0 = 0.1 ln(factor) + 1
  bool truncate = true;                                   // YaRN: the blend's ends are rounded to whole dimensions
  std::vector<float> factors = {};                        // Factors: [head_dim / 2]
  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

struct LlamaConfig {
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  float rope_theta = 10000.0f;
  RopeScaling rope_scaling = {};
  float rms_norm_eps = 1e-5f;
  bool tied_embeddings = true;
  bool attention_bias = false;      // q, k, v and o
  bool mlp_bias = false;            // gate, up and down
  std::int64_t sliding_window = 0;  // tokens that a query sees, itself included; 0 = all before it

  [[nodiscard]] std::int64_t q_size() const { return n_heads * head_dim; }
  [[nodiscard]] std::int64_t kv_size() const { return n_kv_heads * head_dim; }
  [[nodiscard]] std::int64_t n_parameters() const;  // tied embeddings counted once
  friend bool operator==(const LlamaConfig&, const LlamaConfig&) = default;
};

// Throws Error(Input) that names the field if the shape cannot be run (zero sizes, heads not divisible, odd head_dim…).
void validate(const LlamaConfig& config, const std::string& file);

}  // namespace faqsmith
