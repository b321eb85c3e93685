// The shape of a Llama-family model. Names follow Hugging Face's config.json.
#pragma once
#include <cstdint>
#include <string>

namespace faqsmith {

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
  float rms_norm_eps = 1e-5f;
  bool tied_embeddings = true;

  [[nodiscard]] std::int64_t q_size() const { return n_heads * head_dim; }
  [[nodiscard]] std::int64_t kv_size() const { return n_kv_heads * head_dim; }
  [[nodiscard]] std::int64_t n_parameters() const;  // tied embeddings counted once
  friend bool operator==(const LlamaConfig&, const LlamaConfig&) = default;
};

// Throws Error(Input) that names the field if the shape cannot be run (zero sizes, heads not divisible, odd head_dim…).
void validate(const LlamaConfig& config, const std::string& file);

}  // namespace faqsmith
