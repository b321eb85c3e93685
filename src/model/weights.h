// A model: matrices in the form that weight_matrix.h allows, norms and biases in float32, all in Hugging Face's row
// order (rotary halves split, not interleaved: GGUF's permuted Q and K rows are put back on reading and permuted again
// on writing). Linear weights are [out, in].
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/weight_matrix.h"
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
  Buffer<float> attention_norm;           // [hidden]
  Buffer<float> mlp_norm;                 // [hidden]
  WeightMatrix linear[kLinearsPerLayer];  // [out, in], indexed by Linear
  Buffer<float> bias[kLinearsPerLayer];   // [out]; empty where the model has none
  [[nodiscard]] WeightMatrix& at(Linear l) { return linear[static_cast<int>(l)]; }
  [[nodiscard]] const WeightMatrix& at(Linear l) const { return linear[static_cast<int>(l)]; }
  [[nodiscard]] Buffer<float>& bias_of(Linear l) { return bias[static_cast<int>(l)]; }
  [[nodiscard]] const Buffer<float>& bias_of(Linear l) const { return bias[static_cast<int>(l)]; }
};

// The biases of linears that are one product, one behind the other; empty where the model has none.
[[nodiscard]] Buffer<float> fused_bias(const LayerWeights& layer, std::span<const Linear> parts);

struct Weights {
  LlamaConfig config;
  WeightMatrix embedding;    // [vocab, hidden]
  Buffer<float> final_norm;  // [hidden]
  WeightMatrix lm_head;      // [vocab, hidden]; empty when tied
  std::vector<LayerWeights> layers;
  [[nodiscard]] const WeightMatrix& head() const { return lm_head.empty() ? embedding : lm_head; }
};

// What load_model makes of the matrices. AsStored: they stay in the mapped files, which no longer may be written to.
enum class Residency { Float32, AsStored };

// Zeros (norms too). AsStored: the matrices stay empty, for the reader to fill in.
[[nodiscard]] Weights allocate_weights(const LlamaConfig& config, Residency residency = Residency::Float32);
[[nodiscard]] Weights random_weights(const LlamaConfig& config,
                                     std::uint64_t seed);  // normal(0, 0.02), norms 1: for tests
// Every tensor once, in a fixed order, with its Hugging Face name ("model.embed_tokens.weight", …,
// "model.norm.weight"). Matrices have to be Float32.
void for_each_tensor(Weights& weights,
                     const std::function<void(const std::string& name, Buffer<float>& tensor)>& visit);
void for_each_tensor(const Weights& weights,
                     const std::function<void(const std::string& name, const Buffer<float>& tensor)>& visit);
// The two halves of that list; a matrix may be in any form, or empty.
void for_each_matrix(Weights& weights, const std::function<void(const std::string& name, WeightMatrix& matrix)>& visit);
void for_each_vector(Weights& weights,
                     const std::function<void(const std::string& name, Buffer<float>& values)>& visit);
// All tensors again, with matrices in any form, to read them in rows. The source lives as long as the call.
void for_each_source(const Weights& weights,
                     const std::function<void(const std::string& name, const RowSource& rows)>& visit);

// QLoRA's frozen base: the seven linears of every layer in NF4, or where a matrix is Float32, with the values that NF4
// decodes to. Embedding and LM head stay as they are. The codes of a Stored matrix are kept in memory, for who reads it
// often, or made from the file on each reading (round_to_nf4()) where rows are whole blocks: the same values.
enum class Nf4Codes { Kept, MadeOnReading };
void quantize_linears(Weights& weights, Nf4Codes codes);

// Sums over the matrices; beside them norms and biases are small.
[[nodiscard]] std::uint64_t resident_bytes(const Weights& weights);
[[nodiscard]] std::uint64_t mapped_bytes(const Weights& weights);

// A whole model: a GGUF file (v2, v3), any part of a GGUF file in parts (name-00001-of-00003.gguf), or a Hugging Face
// folder (config.json, safetensors in one file or in shards with an index, tokenizer files).
struct ModelFile {
  Weights weights;
  TokenizerSpec tokenizer;
  std::string name;    // general.name or the file's stem; of a folder _name_or_path's last part or its own name
  std::string sha256;  // of the file; of several files over their names and hashes
};
// Reads, checks every count, refuses NaN and Inf by tensor and index, unknown architectures by name. HashFile::No skips
// sha256. Needs no more memory than what it returns.
enum class HashFile { Yes, No };
[[nodiscard]] ModelFile load_model(const fs::path& path, HashFile hash = HashFile::Yes,
                                   Residency residency = Residency::Float32);
[[nodiscard]] std::string model_sha256(const fs::path& path);  // what load_model's sha256 would be
// How many bytes of its files a model's matrices take.
struct StoredSizes {
  std::uint64_t linears = 0, embedding = 0, head = 0;  // head: 0 when tied
  [[nodiscard]] std::uint64_t all() const { return linears + embedding + head; }
};
// Metadata only: fast, for forecasts and `inspect`.
struct ModelInfo {
  LlamaConfig config;
  TokenizerSpec tokenizer;
  std::string name, file_type;   // file_type: the type that most bytes have, "Q4_1", "BF16"
  std::uint64_t file_bytes = 0;  // of all files with weights
  StoredSizes stored;
};
[[nodiscard]] ModelInfo read_model_info(const fs::path& path);

enum class GgufFloat {
  F32,
  F16,
  BF16,
  Q8_0,
  Q4_0,
  Q4_K
};  // of most matrices; gguf_types.h says which tensor gets which
// Writes weights and tokenizer as GGUF v3 that llama.cpp loads.
void save_gguf(const fs::path& path, const Weights& weights, const TokenizerSpec& tokenizer, const std::string& name,
               GgufFloat type);

}  // namespace faqsmith
