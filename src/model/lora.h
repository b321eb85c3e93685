// LoRA (Hu et al. 2021, arXiv 2106.09685): W' = W + scale · B·A for any subset of the seven linears, scale = alpha /
// rank or, rank-stabilised (Kalajdzievski 2023, arXiv 2312.03732), alpha / sqrt(rank). With DoRA (Liu et al. 2024,
// arXiv 2402.09353) every row of W' is then given a trained length: magnitude / ||W'|| · W'.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "model/weights.h"

namespace faqsmith {

struct LoraConfig {
  std::int64_t rank = 16;
  float alpha = 32.0f;
  float dropout = 0.0f;
  bool rslora = false;
  bool dora = false;  // without dropout only: PEFT's dropout reaches into the base weight's product there
  std::vector<Linear> targets = {Linear::Q, Linear::K, Linear::V, Linear::O, Linear::Gate, Linear::Up, Linear::Down};
  // [n_layers] linears of each layer, sorted; empty: targets in every layer. targets is then all that appear in it.
  std::vector<std::vector<Linear>> by_layer = {};
  [[nodiscard]] bool has(std::int64_t layer, Linear linear) const {
    const std::vector<Linear>& linears = by_layer.empty() ? targets : by_layer.at(static_cast<std::size_t>(layer));
    return std::find(linears.begin(), linears.end(), linear) != linears.end();
  }
  [[nodiscard]] float scale() const {
    const auto r = static_cast<float>(rank);
    return alpha / (rslora ? std::sqrt(r) : r);
  }
};

struct LoraPair {
  Buffer<float> a;               // [rank, in]
  Buffer<float> b;               // [out, rank]
  Buffer<float> magnitude = {};  // [out]; only with DoRA
};

struct LoraWeights {
  LoraConfig config;
  std::vector<std::vector<std::optional<LoraPair>>> layers;  // [n_layers][kLinearsPerLayer]
};

// A is Kaiming-uniform(a = sqrt 5) as in PEFT, B is zero; magnitudes are ones until init_magnitudes().
[[nodiscard]] LoraWeights init_lora(const LlamaConfig& model, const LoraConfig& config, Rng& rng);
// DoRA's: the length of each row of the base weight. Nothing without DoRA.
void init_magnitudes(const Weights& weights, LoraWeights& lora);
// ||W + scale · B A|| of each row: [out].
[[nodiscard]] Buffer<float> adapted_row_norms(const RowSource& weight, const LoraPair& pair, float scale);
// Float32 matrices in place; frozen ones keep the adapter's pair and merge each row as it is decoded, which gives the
// same bits.
void merge_lora(Weights& weights, const LoraWeights& lora);

// PEFT's folder: adapter_config.json and adapter_model.safetensors (float32).
void save_peft_adapter(const fs::path& folder, const LoraWeights& lora, const LlamaConfig& model,
                       const std::string& base_model);
// Refuses non-finite values by tensor and index; missing tensors, tensors left over and settings that we do not compute
// by name.
[[nodiscard]] LoraWeights load_peft_adapter(const fs::path& folder, const LlamaConfig& model);
// llama.cpp's GGUF adapter, in F32. A rank-stabilised scale is folded into its alpha. Throws Error(User) for DoRA.
void save_gguf_adapter(const fs::path& path, const LoraWeights& lora, const LlamaConfig& model,
                       const std::string& name);
// The same refusals as load_peft_adapter; one rank. Any number format.
[[nodiscard]] LoraWeights load_gguf_adapter(const fs::path& path, const LlamaConfig& model);
// Any of these: a PEFT folder, a GGUF adapter, an export folder or workspace that holds an exported PEFT adapter.
// Throws Error(Input) that names the tensor where the adapter does not fit the base model.
[[nodiscard]] LoraWeights load_adapter(const fs::path& path, const LlamaConfig& model);
inline constexpr const char* kPeftConfigFile = "adapter_config.json";
// The text of adapter_config.json of an adapter for this model; file: the name that errors show.
[[nodiscard]] LoraConfig parse_peft_config(std::string_view text, const fs::path& file, const LlamaConfig& model);

}  // namespace faqsmith
