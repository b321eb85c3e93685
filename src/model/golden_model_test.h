// For tests: a tiny model that tools/oracle/train_oracle.py wrote, with what PyTorch computed on it
// (tests/golden/train_*.json and .safetensors).
#pragma once
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json_text.h"
#include "formats/safetensors.h"
#include "model/weights.h"

namespace faqsmith {

class GoldenModel {
 public:
  explicit GoldenModel(const std::string& name)
      : folder_(fs::path(FAQSMITH_SOURCE_DIR) / "tests" / "golden"),
        info_(parse_json(faqsmith::read_file(folder_ / ("train_" + name + ".json")))),
        tensors_(folder_ / ("train_" + name + ".safetensors")) {}
  [[nodiscard]] const nlohmann::json& info() const { return info_; }
  [[nodiscard]] std::vector<float> tensor(const std::string& name) const {
    const SafeTensor* found = tensors_.find_tensor(name);
    require(found != nullptr, "the golden file has " + name);
    std::vector<float> values(static_cast<std::size_t>(found->n_elements));
    tensors_.read_floats(*found, values.data());
    return values;
  }
  [[nodiscard]] LlamaConfig config() const {
    const nlohmann::json& c = info_.at("config");
    return {.hidden_size = c.at("hidden_size"),
            .intermediate_size = c.at("intermediate_size"),
            .n_layers = c.at("n_layers"),
            .n_heads = c.at("n_heads"),
            .n_kv_heads = c.at("n_kv_heads"),
            .head_dim = c.at("head_dim"),
            .vocab_size = c.at("vocab_size"),
            .max_positions = c.at("max_positions"),
            .rope_theta = c.at("rope_theta"),
            .rope_scaling = scaling(),
            .rms_norm_eps = c.at("rms_norm_eps"),
            .tied_embeddings = c.at("tied_embeddings"),
            .attention_bias = c.value("attention_bias", false),
            .mlp_bias = c.value("mlp_bias", false),
            .sliding_window = c.value("sliding_window", 0)};
  }
  [[nodiscard]] Weights weights() const {
    Weights weights = allocate_weights(config());
    for_each_tensor(weights, [&](const std::string& name, Buffer<float>& out) {
      const auto values = tensor("weight." + name);
      require(static_cast<std::int64_t>(values.size()) == out.size(), "the golden tensor has the model's shape");
      std::copy(values.begin(), values.end(), out.data());
    });
    return weights;
  }

 private:
  [[nodiscard]] RopeScaling scaling() const {
    const nlohmann::json rope = info_.at("config").value("rope", nlohmann::json::object());
    const std::string kind = rope.value("rope_type", "default");
    RopeScaling out;
    if (kind == "linear") out.kind = RopeScaling::Kind::Linear;
    if (kind == "llama3") out.kind = RopeScaling::Kind::Llama3;
    if (kind == "yarn") out.kind = RopeScaling::Kind::Yarn;
    out.factor = rope.value("factor", 1.0f);
    out.low_freq_factor = rope.value("low_freq_factor", 1.0f);
    out.high_freq_factor = rope.value("high_freq_factor", 4.0f);
    out.original_positions = rope.value("original_max_position_embeddings", 0);
    return out;
  }
  fs::path folder_;
  nlohmann::json info_;
  SafetensorsFile tensors_;
};

}  // namespace faqsmith
