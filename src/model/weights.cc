// Names, shapes and allocation of a model's tensors; nothing here knows a file format.
#include "model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "base/rng.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

// visit takes matrices and vectors alike.
template <class AnyWeights, class Visit>
void visit_all(AnyWeights& weights, const Visit& visit) {
  visit("model.embed_tokens.weight", weights.embedding);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const auto index = static_cast<std::int64_t>(i);
    visit(fmt::format("model.layers.{}.input_layernorm.weight", i), layer.attention_norm);
    const auto visit_linear = [&](Linear l) {
      visit(hf_name(index, l), layer.at(l));
      if (!layer.bias_of(l).empty()) visit(hf_bias_name(index, l), layer.bias_of(l));
    };
    for (const Linear l : {Linear::Q, Linear::K, Linear::V, Linear::O}) visit_linear(l);
    visit(fmt::format("model.layers.{}.post_attention_layernorm.weight", i), layer.mlp_norm);
    for (const Linear l : {Linear::Gate, Linear::Up, Linear::Down}) visit_linear(l);
  }
  visit("model.norm.weight", weights.final_norm);
  if (!weights.config.tied_embeddings) visit("lm_head.weight", weights.lm_head);
}

template <class Visit>
struct Float32Only {
  const Visit& visit;
  template <class Vector>
  void operator()(const std::string& name, Vector& values) const {
    visit(name, values);
  }
  void operator()(const std::string& name, WeightMatrix& matrix) const { visit(name, matrix.values()); }
  void operator()(const std::string& name, const WeightMatrix& matrix) const { visit(name, matrix.values()); }
};
template <class Visit>
Float32Only(const Visit&) -> Float32Only<Visit>;  // Clang 14 does not deduce aggregates by itself

std::uint64_t sum_over_matrices(const Weights& weights, std::uint64_t (WeightMatrix::*bytes)() const) {
  std::uint64_t sum = (weights.embedding.*bytes)() + (weights.lm_head.*bytes)();
  for (const LayerWeights& layer : weights.layers) {
    for (const WeightMatrix& matrix : layer.linear) sum += (matrix.*bytes)();
  }
  return sum;
}

bool in_attention(Linear linear) {
  return linear == Linear::Q || linear == Linear::K || linear == Linear::V || linear == Linear::O;
}

void allocate_linear(const LlamaConfig& config, Linear linear, Residency residency, LayerWeights& layer) {
  const Shape shape = linear_shape(config, linear);
  if (residency == Residency::Float32) layer.at(linear) = WeightMatrix(Buffer<float>(shape));
  if (has_bias(config, linear)) layer.bias_of(linear) = Buffer<float>({shape[0]});
}

}  // namespace

const char* peft_name(Linear linear) {
  constexpr std::array<const char*, kLinearsPerLayer> kNames = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                                "gate_proj", "up_proj", "down_proj"};
  return kNames[static_cast<std::size_t>(linear)];
}

std::string hf_module_name(std::int64_t layer, Linear linear) {
  return fmt::format("model.layers.{}.{}.{}", layer, in_attention(linear) ? "self_attn" : "mlp", peft_name(linear));
}

std::string hf_name(std::int64_t layer, Linear linear) {
  return hf_module_name(layer, linear) + ".weight";
}

std::string hf_bias_name(std::int64_t layer, Linear linear) {
  return hf_module_name(layer, linear) + ".bias";
}

bool has_bias(const LlamaConfig& config, Linear linear) {
  return in_attention(linear) ? config.attention_bias : config.mlp_bias;
}

Shape linear_shape(const LlamaConfig& config, Linear linear) {
  switch (linear) {
    case Linear::Q:
      return {config.q_size(), config.hidden_size};
    case Linear::K:
    case Linear::V:
      return {config.kv_size(), config.hidden_size};
    case Linear::O:
      return {config.hidden_size, config.q_size()};
    case Linear::Gate:
    case Linear::Up:
      return {config.intermediate_size, config.hidden_size};
    case Linear::Down:
      return {config.hidden_size, config.intermediate_size};
  }
  require(false, "a linear is one of the seven");
  return {};
}

Buffer<float> fused_bias(const LayerWeights& layer, std::span<const Linear> parts) {
  std::int64_t width = 0;
  for (const Linear l : parts) width += layer.bias_of(l).size();
  if (width == 0) return {};
  Buffer<float> fused({width});
  float* out = fused.data();
  for (const Linear l : parts) out = std::copy_n(layer.bias_of(l).data(), layer.bias_of(l).size(), out);
  return fused;
}

Weights allocate_weights(const LlamaConfig& config, Residency residency) {
  validate(config, "model");
  Weights weights;
  weights.config = config;
  weights.final_norm = Buffer<float>({config.hidden_size});
  if (residency == Residency::Float32) {
    const Shape table{config.vocab_size, config.hidden_size};
    weights.embedding = WeightMatrix(Buffer<float>(table));
    if (!config.tied_embeddings) weights.lm_head = WeightMatrix(Buffer<float>(table));
  }
  weights.layers.resize(static_cast<std::size_t>(config.n_layers));
  for (LayerWeights& layer : weights.layers) {
    layer.attention_norm = Buffer<float>({config.hidden_size});
    layer.mlp_norm = Buffer<float>({config.hidden_size});
    for (int l = 0; l < kLinearsPerLayer; ++l) allocate_linear(config, static_cast<Linear>(l), residency, layer);
  }
  return weights;
}

Weights random_weights(const LlamaConfig& config, std::uint64_t seed) {
  Weights weights = allocate_weights(config);
  Rng rng(seed);
  for_each_tensor(weights, [&](const std::string& name, Buffer<float>& tensor) {
    const bool is_norm = name.ends_with("norm.weight");
    for (std::int64_t i = 0; i < tensor.size(); ++i)
      tensor[i] = is_norm ? 1.0f : static_cast<float>(0.02 * rng.normal());
  });
  return weights;
}

void for_each_tensor(Weights& weights, const std::function<void(const std::string&, Buffer<float>&)>& visit) {
  visit_all(weights, Float32Only{visit});
}

void for_each_tensor(const Weights& weights,
                     const std::function<void(const std::string&, const Buffer<float>&)>& visit) {
  visit_all(weights, Float32Only{visit});
}

void for_each_matrix(Weights& weights, const std::function<void(const std::string&, WeightMatrix&)>& visit) {
  visit_all(weights, [&](const std::string& name, auto& tensor) {
    if constexpr (std::is_same_v<decltype(tensor), WeightMatrix&>) visit(name, tensor);
  });
}

void for_each_vector(Weights& weights, const std::function<void(const std::string&, Buffer<float>&)>& visit) {
  visit_all(weights, [&](const std::string& name, auto& tensor) {
    if constexpr (std::is_same_v<decltype(tensor), Buffer<float>&>) visit(name, tensor);
  });
}

void for_each_source(const Weights& weights, const std::function<void(const std::string&, const RowSource&)>& visit) {
  visit_all(weights, [&](const std::string& name, const auto& tensor) {
    if constexpr (std::is_same_v<std::decay_t<decltype(tensor)>, WeightMatrix>) {
      visit(name, tensor);
    } else {
      visit(name, MemoryRows(tensor.in()));
    }
  });
}

void quantize_linears(Weights& weights, Nf4Codes codes) {
  for (LayerWeights& layer : weights.layers) {
    for (WeightMatrix& matrix : layer.linear) {
      stop_if_interrupted();
      if (codes == Nf4Codes::MadeOnReading && matrix.stored_type() && Nf4Rounding::fits(matrix.shape())) {
        matrix.round_to_nf4();
        continue;
      }
      Nf4Matrix quantized(matrix);
      matrix.release_pages();
      const bool keep_float32 = matrix.is_float32();
      matrix = WeightMatrix(std::move(quantized));
      if (keep_float32) matrix = WeightMatrix(matrix.decode());
    }
  }
}

std::uint64_t resident_bytes(const Weights& weights) {
  return sum_over_matrices(weights, &WeightMatrix::resident_bytes);
}

std::uint64_t mapped_bytes(const Weights& weights) {
  return sum_over_matrices(weights, &WeightMatrix::mapped_bytes);
}

}  // namespace faqsmith
