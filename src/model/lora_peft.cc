// Reads PEFT's adapter folder as peft 0.21 does. A setting that changes what an adapter computes and that
// we do not implement (rank patterns, trained biases …) is refused by name, never ignored.
#include "model/lora_peft.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json_text.h"
#include "formats/safetensors.h"
#include "model/lora.h"
#include "model/lora_selection.h"
#include "sys/file.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;

[[noreturn]] void refuse(const fs::path& file, const std::string& reason) {
  throw Error(Kind::Input, fmt::format("{}: {}", file.string(), reason),
              "export the adapter again, or use a plain LoRA adapter");
}

void refuse_unsupported(const json& config, const fs::path& file) {
  const auto off = [](const json& value) {
    return value.is_null() || value == false || value == "none" ||
           ((value.is_array() || value.is_object()) && value.empty());
  };
  for (const char* key : {"use_qalora", "use_bdlora", "lora_bias", "bias", "fan_in_fan_out", "rank_pattern",
                          "alpha_pattern", "modules_to_save", "layers_pattern", "layer_replication",
                          "target_parameters", "trainable_token_indices", "exclude_modules", "alora_invocation_tokens",
                          "arrow_config", "kasa_config", "monteclora_config", "velora_config"}) {
    if (config.contains(key) && !off(config[key]))
      refuse(file, fmt::format("\"{}\" = {} is not supported yet", key, json_text(config[key])));
  }
}

std::vector<std::vector<Linear>> modules_of(const json& target, Naming naming, const fs::path& file,
                                            const LlamaConfig& model) {
  if (!target.is_string()) refuse(file, "\"target_modules\" is neither a name nor a list of names");
  std::vector<std::vector<Linear>> found;
  try {
    found = modules_named(model, target, naming);
  } catch (const Error& e) {
    refuse(file, fmt::format("\"target_modules\": {}", e.what()));
  }
  if (std::all_of(found.begin(), found.end(), [](const auto& layer) { return layer.empty(); }))
    refuse(file, fmt::format("target module {} is none of this model's linears", json_text(target)));
  return found;
}

// PEFT's layers_to_transform: one number or a list of them; null or an empty list: all.
void keep_layers(std::vector<std::vector<Linear>>& modules, const json& layers, const fs::path& file) {
  if (layers.is_null() || (layers.is_array() && layers.empty())) return;
  std::vector<bool> kept(modules.size());
  for (const json& layer : layers.is_array() ? layers : json::array({layers})) {
    if (!layer.is_number_integer() || layer < 0 || layer >= modules.size())
      refuse(file, fmt::format("\"layers_to_transform\" names layer {} of {}", json_text(layer), modules.size()));
    kept[layer.get<std::size_t>()] = true;
  }
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (!kept[i]) modules[i].clear();
  }
}

void read_modules(LoraConfig& out, const json& config, const fs::path& file, const LlamaConfig& model) {
  const json targets = config.value("target_modules", json()), layers = config.value("layers_to_transform", json());
  std::vector<std::vector<Linear>> modules(static_cast<std::size_t>(model.n_layers));
  if (targets.is_array() && !targets.empty()) {
    std::set<json> seen;
    for (const json& target : targets) {
      if (!seen.insert(target).second) refuse(file, fmt::format("target module {} is there twice", json_text(target)));
      const auto found = modules_of(target, Naming::EndOnly, file, model);
      for (std::size_t i = 0; i < modules.size(); ++i)
        modules[i].insert(modules[i].end(), found[i].begin(), found[i].end());
    }
  } else {
    modules = modules_of(targets, Naming::PatternOnly, file, model);
  }
  keep_layers(modules, layers, file);
  if (std::all_of(modules.begin(), modules.end(), [](const auto& layer) { return layer.empty(); }))
    refuse(file, "\"target_modules\" and \"layers_to_transform\" together choose no linear");
  set_modules(out, std::move(modules));  // PEFT keeps targets as a set: their order means nothing
}

double number(const json& config, const char* key, double least, double most, const fs::path& file) {
  if (!config.contains(key) || !config[key].is_number())
    refuse(file, fmt::format("\"{}\" is missing or no number", key));
  const double value = config[key].get<double>();
  if (!(value >= least && value <= most))
    refuse(file, fmt::format("\"{}\" is {}, not from {} to {}", key, value, least, most));
  return value;
}

bool read_switch(const json& config, const char* key, const fs::path& file) {
  const json value = config.value(key, json(false));
  if (value.is_null()) return false;
  if (!value.is_boolean()) refuse(file, fmt::format("\"{}\" is neither true nor false", key));
  return value;
}

void read_into(const SafetensorsFile& file, const std::string& name, Buffer<float>& out, const Shape& shape) {
  const SafeTensor* tensor = file.find_tensor(name);
  if (!tensor) refuse(file.file(), fmt::format("tensor \"{}\" is missing", name));
  const std::vector<std::int64_t> expected(shape.dims.begin(), shape.dims.begin() + shape.rank);
  if (tensor->shape != expected) {
    refuse(file.file(), fmt::format("tensor \"{}\" is [{}], expected [{}]", name, fmt::join(tensor->shape, ", "),
                                    fmt::join(expected, ", ")));
  }
  out = Buffer<float>(shape);
  file.read_floats(*tensor, out.data());
}

}  // namespace

// hf_name() is "model.layers.3.self_attn.q_proj.weight"; PEFT wraps the model once more and puts the matrix at the end.
std::string peft_matrix_name(std::int64_t layer, Linear linear, char matrix) {
  return fmt::format("base_model.model.{}.lora_{}.weight", hf_module_name(layer, linear), matrix);
}

// PEFT leaves ".weight" out here.
std::string peft_magnitude_name(std::int64_t layer, Linear linear) {
  return fmt::format("base_model.model.{}.lora_magnitude_vector", hf_module_name(layer, linear));
}

LoraConfig parse_peft_config(std::string_view text, const fs::path& file, const LlamaConfig& model) {
  json config;
  try {
    config = parse_json(text);
  } catch (const json::exception& e) {
    refuse(file, fmt::format("is no JSON: {}", e.what()));
  }
  if (!config.is_object()) refuse(file, "is no JSON object");
  if (config.value("peft_type", json()) != "LORA") refuse(file, "\"peft_type\" is not \"LORA\"");
  refuse_unsupported(config, file);
  LoraConfig out;
  constexpr double kMaxRank = 65536;
  const double rank = number(config, "r", 1, kMaxRank, file);
  if (rank != std::floor(rank)) refuse(file, "\"r\" is no whole number");
  out.rank = static_cast<std::int64_t>(rank);
  out.alpha = static_cast<float>(number(config, "lora_alpha", 1e-6, 1e6, file));
  if (config.contains("lora_dropout")) out.dropout = static_cast<float>(number(config, "lora_dropout", 0, 1, file));
  out.rslora = read_switch(config, "use_rslora", file);
  out.dora = read_switch(config, "use_dora", file);
  read_modules(out, config, file, model);
  return out;
}

LoraWeights load_peft_adapter(const fs::path& folder, const LlamaConfig& model) {
  LoraWeights lora;
  lora.config =
      parse_peft_config(read_file(folder / kPeftConfigFile, kMaxConfigBytes), folder / kPeftConfigFile, model);
  const SafetensorsFile file(folder / kPeftTensorFile);
  lora.layers.resize(static_cast<std::size_t>(model.n_layers));
  std::set<std::string> used;
  for (std::size_t i = 0; i < lora.layers.size(); ++i) {
    lora.layers[i].resize(kLinearsPerLayer);
    for (const Linear linear : lora.config.targets) {
      const Shape shape = linear_shape(model, linear);
      const auto layer = static_cast<std::int64_t>(i);
      if (!lora.config.has(layer, linear)) continue;
      LoraPair pair;
      const std::string a_name = peft_matrix_name(layer, linear, 'A'), b_name = peft_matrix_name(layer, linear, 'B');
      read_into(file, a_name, pair.a, {lora.config.rank, shape[1]});
      read_into(file, b_name, pair.b, {shape[0], lora.config.rank});
      used.insert({a_name, b_name});
      if (lora.config.dora) {
        const std::string name = peft_magnitude_name(layer, linear);
        read_into(file, name, pair.magnitude, {shape[0]});
        used.insert(name);
      }
      lora.layers[i][static_cast<std::size_t>(linear)] = std::move(pair);
    }
  }
  for (const SafeTensor& tensor : file.header().tensors) {
    if (!used.contains(tensor.name)) {
      refuse(file.file(), fmt::format("tensor \"{}\" is not part of this adapter", tensor.name));
    }
  }
  return lora;
}

}  // namespace faqsmith
