// A model in memory: float32 weights in Hugging Face's row order (rotary halves split, not interleaved: GGUF's permuted
// Q and K rows are put back on reading and permuted again on writing). Linear weights are [out, in].
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "sys/file.h"
#include "tensor/buffer.h"
#include "text/tokenizer.h"

namespace faqsmith {

// The seven linears of a layer, in PEFT's naming.
enum class Linear { Q, K, V, O, Gate, Up, Down };
inline constexpr int kLinearsPerLayer = 7;
[[nodiscard]] const char* peft_name(Linear linear);                           // "q_proj", …, "down_proj"
[[nodiscard]] std::string hf_module_name(std::int64_t layer, Linear linear);  // "model.layers.3.self_attn.q_proj"
[[nodiscard]] std::string hf_name(std::int64_t layer, Linear linear);       // "model.layers.3.self_attn.q_proj.weight"
[[nodiscard]] std::string hf_bias_name(std::int64_t layer, Linear linear);  // "model.layers.3.self_attn.q_proj.bias"
[[nodiscard]] bool has_bias(const LlamaConfig& config, Linear linear);
[[nodiscard]] Shape linear_shape(const LlamaConfig& config, Linear linear);  // [out, in]

struct LayerWeights {
  Buffer<float> attention_norm;            // [hidden]
  Buffer<float> mlp_norm;                  // [hidden]
  Buffer<float> linear[kLinearsPerLayer];  // [out, in], indexed by Linear
  Buffer<float> bias[kLinearsPerLayer];    // [out]; empty where the model has none
  [[nodiscard]] Buffer<float>& at(Linear l) { return linear[static_cast<int>(l)]; }
  [[nodiscard]] const Buffer<float>& at(Linear l) const { return linear[static_cast<int>(l)]; }
  [[nodiscard]] Buffer<float>& bias_of(Linear l) { return bias[static_cast<int>(l)]; }
  [[nodiscard]] const Buffer<float>& bias_of(Linear l) const { return bias[static_cast<int>(l)]; }
};

// The biases of linears that are one product, one behind the other; empty where the model has none.
[[nodiscard]] Buffer<float> fused_bias(const LayerWeights& layer, std::span<const Linear> parts);

struct Weights {
  LlamaConfig config;
  Buffer<float> embedding;   // [vocab, hidden]
  Buffer<float> final_norm;  // [hidden]
  Buffer<float> lm_head;     // [vocab, hidden]; empty when tied
  std::vector<LayerWeights> layers;
  [[nodiscard]] const Buffer<float>& head() const { return lm_head.empty() ? embedding : lm_head; }
};

[[nodiscard]] Weights allocate_weights(const LlamaConfig& config);  // zeros (norms too)
[[nodiscard]] Weights random_weights(const LlamaConfig& config,
                                     std::uint64_t seed);  // normal(0, 0.02), norms 1: for tests
// Every tensor once, in a fixed order, with its Hugging Face name ("model.embed_tokens.weight", …,
// "model.norm.weight").
void for_each_tensor(Weights& weights,
                     const std::function<void(const std::string& name, Buffer<float>& tensor)>& visit);
void for_each_tensor(const Weights& weights,
                     const std::function<void(const std::string& name, const Buffer<float>& tensor)>& visit);

// A whole model: a GGUF file (v2, v3), any part of a GGUF file in parts (name-00001-of-00003.gguf), or a Hugging Face
// folder (config.json, safetensors in one file or in shards with an index, tokenizer files).
struct ModelFile {
  Weights weights;
  TokenizerSpec tokenizer;
  std::string name;    // general.name or the file's stem; of a folder _name_or_path's last part or its own name
  std::string sha256;  // of the file; of several files over their names and hashes
};
// Reads, checks every count, refuses NaN and Inf by tensor and index, unknown architectures by name. HashFile::No skips
// sha256.
enum class HashFile { Yes, No };
[[nodiscard]] ModelFile load_model(const fs::path& path, HashFile hash = HashFile::Yes);
[[nodiscard]] std::string model_sha256(const fs::path& path);  // what load_model's sha256 would be
// Metadata only: fast, for forecasts and `inspect`.
struct ModelInfo {
  LlamaConfig config;
  TokenizerSpec tokenizer;
  std::string name, file_type;   // file_type: the type that most bytes have, "Q4_1", "BF16"
  std::uint64_t file_bytes = 0;  // of all files with weights
};
[[nodiscard]] ModelInfo read_model_info(const fs::path& path);

enum class GgufFloat { F32, F16 };
// Writes weights and tokenizer as GGUF v3 that llama.cpp loads.
void save_gguf(const fs::path& path, const Weights& weights, const TokenizerSpec& tokenizer, const std::string& name,
               GgufFloat type);

}  // namespace faqsmith
