// The table of GGUF names, once for shapes (before memory is allocated) and once for tensors in memory.
#include <fmt/format.h>

#include "model/weights_gguf.h"

namespace faqsmith {
namespace {

struct LayerTensor {
  const char* suffix;
  int linear;  // index of Linear, or one of the two norms
};
constexpr int kAttentionNorm = -1, kMlpNorm = -2;
constexpr LayerTensor kLayerTensors[] = {
    {"attn_norm", kAttentionNorm},
    {"ffn_down", static_cast<int>(Linear::Down)},
    {"ffn_gate", static_cast<int>(Linear::Gate)},
    {"ffn_up", static_cast<int>(Linear::Up)},
    {"ffn_norm", kMlpNorm},
    {"attn_k", static_cast<int>(Linear::K)},
    {"attn_output", static_cast<int>(Linear::O)},
    {"attn_q", static_cast<int>(Linear::Q)},
    {"attn_v", static_cast<int>(Linear::V)},
};

std::string layer_name(std::int64_t layer, const LayerTensor& tensor, const char* part = "weight") {
  return fmt::format("blk.{}.{}.{}", layer, tensor.suffix, part);
}

RowOrder row_order(Linear linear) {
  return linear == Linear::Q || linear == Linear::K ? RowOrder::PairedHalves : RowOrder::Same;
}

template <class Slot, class AnyWeights>
std::vector<Slot> all_slots(AnyWeights& weights) {
  std::vector<Slot> out;
  out.push_back({.name = "token_embd.weight", .matrix = &weights.embedding});
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const auto index = static_cast<std::int64_t>(i);
    for (const LayerTensor& t : kLayerTensors) {
      if (t.linear < 0) {
        out.push_back({.name = layer_name(index, t),
                       .vector = t.linear == kAttentionNorm ? &layer.attention_norm : &layer.mlp_norm});
        continue;
      }
      const RowOrder order = row_order(static_cast<Linear>(t.linear));
      out.push_back({.name = layer_name(index, t), .matrix = &layer.linear[t.linear], .order = order});
      if (!layer.bias[t.linear].empty())
        out.push_back({.name = layer_name(index, t, "bias"), .vector = &layer.bias[t.linear], .order = order});
    }
  }
  out.push_back({.name = "output_norm.weight", .vector = &weights.final_norm});
  if (!weights.config.tied_embeddings) out.push_back({.name = "output.weight", .matrix = &weights.lm_head});
  return out;
}

}  // namespace

std::vector<GgufShape> gguf_shapes(const LlamaConfig& config) {
  std::vector<GgufShape> out;
  out.push_back({"token_embd.weight", {config.vocab_size, config.hidden_size}, "model.embed_tokens.weight"});
  for (std::int64_t i = 0; i < config.n_layers; ++i) {
    for (const LayerTensor& t : kLayerTensors) {
      if (t.linear < 0) {
        const char* norm = t.linear == kAttentionNorm ? "input_layernorm" : "post_attention_layernorm";
        out.push_back({layer_name(i, t), {config.hidden_size}, fmt::format("model.layers.{}.{}.weight", i, norm), i});
        continue;
      }
      const auto linear = static_cast<Linear>(t.linear);
      const Shape shape = linear_shape(config, linear);
      const RowOrder order = row_order(linear);
      out.push_back({layer_name(i, t), shape, hf_name(i, linear), i, linear, order});
      if (has_bias(config, linear))
        out.push_back({layer_name(i, t, "bias"), {shape[0]}, hf_bias_name(i, linear), i, std::nullopt, order});
    }
  }
  out.push_back({"output_norm.weight", {config.hidden_size}, "model.norm.weight"});
  if (!config.tied_embeddings)
    out.push_back({"output.weight", {config.vocab_size, config.hidden_size}, "lm_head.weight"});
  return out;
}

bool may_be_absent(const std::string& gguf_name) {
  return gguf_name.ends_with(".bias");
}

std::vector<GgufSlot> gguf_slots(Weights& weights) {
  return all_slots<GgufSlot>(weights);
}

std::vector<ConstGgufSlot> gguf_slots(const Weights& weights) {
  return all_slots<ConstGgufSlot>(weights);
}

}  // namespace faqsmith
