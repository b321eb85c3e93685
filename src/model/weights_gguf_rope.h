// How GGUF says that rotary frequencies are scaled: keys llama.rope.scaling.*, and for Llama 3 a tensor of divisors,
// rope_freqs.weight. Source: llama.cpp (llama-model.cpp, llama-context.cpp, convert_hf_to_gguf.py).
#pragma once
#include <vector>

#include "formats/gguf_parts.h"
#include "model/config.h"

namespace faqsmith {

inline constexpr const char* kRopeFactorsName = "rope_freqs.weight";

// config: with head_dim, rope_theta and max_positions. Divisors that are those of Llama 3.1 or 3.2 come back as Llama3.
// Throws Error(Input) that names the key for a kind that is not computed.
[[nodiscard]] RopeScaling read_rope_scaling(const GgufParts& parts, const LlamaConfig& config);
// Throws Error(User) for what GGUF cannot say (YaRN whose blend is not rounded).
void add_rope_scaling(GgufWriter& out, const LlamaConfig& config);
// What stands in rope_freqs.weight, [head_dim / 2]; empty where there is no such tensor.
[[nodiscard]] std::vector<float> gguf_rope_factors(const LlamaConfig& config);

}  // namespace faqsmith
