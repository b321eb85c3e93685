// Writes PEFT's adapter folder as peft 0.21 does. A file of its own, because what only reads does not link it.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "formats/safetensors.h"
#include "model/lora.h"
#include "model/lora_peft.h"
#include "sys/folder.h"

namespace faqsmith {
namespace {

using nlohmann::json;

// The shortest decimal that reads back as the same float: 0.05, not 0.05000000074505806.
json exact_number(float value) {
  return parse_json(fmt::format("{}", value));
}

// target_modules and layers_to_transform. Layers that differ in their linears have no such form: then the pattern of
// all module names, which PEFT takes too.
std::pair<json, json> modules_json(const LoraConfig& config) {
  json targets = json::array(), layers = json::array();
  for (const Linear linear : config.targets) targets.push_back(peft_name(linear));
  if (config.by_layer.empty()) return {targets, nullptr};
  bool same = true;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < config.by_layer.size(); ++i) {
    if (config.by_layer[i].empty()) continue;
    layers.push_back(i);
    same = same && config.by_layer[i] == config.targets;
    for (const Linear linear : config.by_layer[i]) {
      std::string name = hf_module_name(static_cast<std::int64_t>(i), linear);
      for (std::size_t at = name.find('.'); at != std::string::npos; at = name.find('.', at + 2)) name.insert(at, "\\");
      names.push_back(std::move(name));
    }
  }
  if (same) return {targets, layers};
  return {fmt::format("{}", fmt::join(names, "|")), nullptr};
}

json config_json(const LoraConfig& config, const std::string& base_model) {
  const auto [targets, layers] = modules_json(config);
  // PEFT declares lora_alpha as an integer and prints it so.
  const bool whole = config.alpha == std::floor(config.alpha);
  const json alpha = whole ? json(static_cast<std::int64_t>(config.alpha)) : exact_number(config.alpha);
  return {
      {"peft_type", "LORA"},
      {"task_type", "CAUSAL_LM"},
      {"r", config.rank},
      {"lora_alpha", alpha},
      {"lora_dropout", exact_number(config.dropout)},
      {"target_modules", targets},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"use_rslora", config.rslora},
      {"use_dora", config.dora},
      {"lora_bias", false},
      {"rank_pattern", json::object()},
      {"alpha_pattern", json::object()},
      {"modules_to_save", nullptr},
      {"layers_to_transform", layers},
      {"layers_pattern", nullptr},
      {"layer_replication", nullptr},
      {"exclude_modules", nullptr},
      {"target_parameters", nullptr},
      {"trainable_token_indices", nullptr},
      {"auto_mapping", nullptr},
      {"revision", nullptr},
      {"base_model_name_or_path", base_model},
      {"peft_version", "0.21.2"},
  };
}

}  // namespace

void save_peft_adapter(const fs::path& folder, const LoraWeights& lora, const LlamaConfig& model,
                       const std::string& base_model) {
  require(static_cast<std::int64_t>(lora.layers.size()) == model.n_layers,
          "an adapter has as many layers as its model");
  std::vector<SafeTensorToWrite> tensors;
  const auto add = [&](const std::string& name, const Buffer<float>& tensor) {
    const Shape& shape = tensor.shape();
    tensors.push_back({name,
                       {shape.dims.begin(), shape.dims.begin() + shape.rank},
                       {tensor.data(), static_cast<std::size_t>(tensor.size())}});
  };
  for (std::size_t i = 0; i < lora.layers.size(); ++i) {
    for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
      const auto& pair = lora.layers[i][l];
      if (!pair) continue;
      const auto layer = static_cast<std::int64_t>(i);
      const auto linear = static_cast<Linear>(l);
      add(peft_matrix_name(layer, linear, 'A'), pair->a);
      add(peft_matrix_name(layer, linear, 'B'), pair->b);
      if (lora.config.dora) add(peft_magnitude_name(layer, linear), pair->magnitude);
    }
  }
  make_folders(folder);
  write_safetensors(folder / kPeftTensorFile, tensors, SafeFloat::F32, {{"format", "pt"}});
  write_file_atomic(folder / kPeftConfigFile, json_text(config_json(lora.config, base_model), 2) + "\n");
}

}  // namespace faqsmith
