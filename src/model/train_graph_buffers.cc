// Shapes of every buffer of a training graph, and the forecast that sums them.
#include "model/train_graph_buffers.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ops/matmul.h"

namespace faqsmith {
namespace {

constexpr LinearGroup kAllGroups[kGroups] = {LinearGroup::Qkv, LinearGroup::O, LinearGroup::GateUp, LinearGroup::Down};

// W [out, in] packed for both products.
std::uint64_t both_products(Compute compute, const Shape& shape) {
  return packed_bytes(compute, Product::Forward, shape[0], shape[1]) +
         packed_bytes(compute, Product::Backward, shape[0], shape[1]);
}

// Streamed: the largest operand of all, once.
std::uint64_t all_packed_bytes(Compute compute, const LlamaConfig& config, FrozenBase base) {
  const Shape head{config.vocab_size, config.hidden_size};
  std::uint64_t layer = 0, largest = 0;
  const auto count = [&](const Shape& shape) {
    std::uint64_t both = 0;
    for (const Product product : {Product::Forward, Product::Backward}) {
      const std::uint64_t bytes = packed_bytes(compute, product, shape[0], shape[1]);
      largest = std::max(largest, bytes);
      both += bytes;
    }
    return both;
  };
  for (const LinearGroup group : kAllGroups) layer += count(group_shape(config, group));
  const std::uint64_t both_heads = count(head);
  if (base == FrozenBase::Streamed) return largest;
  return static_cast<std::uint64_t>(config.n_layers) * layer + both_heads;
}

// One group's adapters: their packed copies and the float32 ones that those are made of.
std::uint64_t adapter_bytes(Compute compute, const Shape& group, std::int64_t low) {
  return both_products(compute, {low, group[1]}) + both_products(compute, {group[0], low}) +
         allocated_bytes(sizeof(float) * static_cast<std::size_t>(low * group[1])) +
         allocated_bytes(sizeof(float) * static_cast<std::size_t>(group[0] * low));
}

std::uint64_t all_adapter_bytes(Compute compute, const LlamaConfig& config, const LoraConfig& lora) {
  std::uint64_t sum = 0;
  std::map<std::pair<LinearGroup, std::int64_t>, std::uint64_t> known;  // layers mostly have the same
  for (std::int64_t layer = 0; layer < config.n_layers; ++layer) {
    for (const LinearGroup group : kAllGroups) {
      const std::int64_t low = low_width(config, lora, layer, group);
      if (low == 0) continue;
      const auto [place, is_new] = known.try_emplace({group, low});
      if (is_new) place->second = adapter_bytes(compute, group_shape(config, group), low);
      sum += place->second;
    }
  }
  return sum;
}

template <class T>
std::uint64_t forecast(const LlamaConfig& config, const LoraConfig* lora, const GraphLimits& limits, FrozenBase base) {
  Planner planner(Planner::Mode::Count);
  std::vector<LayerTape<T>> tape;
  Scratch<T> scratch;
  plan_tape(planner, tape, config, lora, limits.max_tokens);
  plan_scratch(planner, scratch, config, lora, limits);
  FullGradients full;
  std::vector<LoraGroupGradients> adapters;
  if (lora) {
    plan_lora_gradients(planner, adapters, config, *lora);
  } else {
    plan_full_gradients(planner, full, config);
  }
  return planner.bytes() + all_packed_bytes(kComputeOf<T>, config, base) +
         (lora ? all_adapter_bytes(kComputeOf<T>, config, *lora) : 0);
}

}  // namespace

std::vector<GroupMember> group_members(const LlamaConfig& config, LinearGroup group) {
  switch (group) {
    case LinearGroup::Qkv:
      return {{Linear::Q, 0}, {Linear::K, config.q_size()}, {Linear::V, config.q_size() + config.kv_size()}};
    case LinearGroup::O:
      return {{Linear::O, 0}};
    case LinearGroup::GateUp:
      return {{Linear::Gate, 0}, {Linear::Up, config.intermediate_size}};
    case LinearGroup::Down:
      return {{Linear::Down, 0}};
  }
  return {};
}

Shape group_shape(const LlamaConfig& config, LinearGroup group) {
  std::int64_t out = 0, in = 0;
  for (const GroupMember& member : group_members(config, group)) {
    out += linear_shape(config, member.linear)[0];
    in = linear_shape(config, member.linear)[1];
  }
  return {out, in};
}

std::vector<GroupMember> adapted_members(const LlamaConfig& config, const LoraConfig& lora, std::int64_t layer,
                                         LinearGroup group) {
  std::vector<GroupMember> members;
  for (const GroupMember& member : group_members(config, group)) {
    if (lora.has(layer, member.linear)) members.push_back(member);
  }
  return members;
}

// bf16: few rows of float32 logits at a time (50 MB with 49k tokens), many rows of their gradient: the head's weight
// gradient, as large as the embedding, is then read and written once or twice a pass, not for every chunk. float32: the
// gradient lies in the logits, and the product packs the head's weights anew in every chunk, so chunks are long.
constexpr std::int64_t kLogitRows = 256, kGradientRows = 1280, kInPlaceRows = 1024;

std::int64_t low_width(const LlamaConfig& config, const LoraConfig& lora, std::int64_t layer, LinearGroup group) {
  constexpr std::int64_t kTileColumns = 32;
  const auto n = static_cast<std::int64_t>(adapted_members(config, lora, layer, group).size());
  return (n * lora.rank + kTileColumns - 1) / kTileColumns * kTileColumns;
}

template <class T>
void plan_tape(Planner& planner, std::vector<LayerTape<T>>& tape, const LlamaConfig& config, const LoraConfig* lora,
               std::int64_t tokens) {
  tape.resize(static_cast<std::size_t>(config.n_layers));
  const std::int64_t hidden = config.hidden_size, q = config.q_size();
  for (std::size_t i = 0; i < tape.size(); ++i) {
    LayerTape<T>& layer = tape[i];
    planner.make(layer.r_attention, {tokens, hidden});
    planner.make(layer.inv_attention, {tokens});
    planner.make(layer.x_attention, {tokens, hidden});
    planner.make(layer.qkv, {tokens, q + 2 * config.kv_size()});
    planner.make(layer.lse, {tokens, config.n_heads});
    planner.make(layer.attended, {tokens, q});
    planner.make(layer.r_mlp, {tokens, hidden});
    planner.make(layer.inv_mlp, {tokens});
    planner.make(layer.x_mlp, {tokens, hidden});
    planner.make(layer.gate_up, {tokens, 2 * config.intermediate_size});
    for (int g = 0; lora && g < kGroups; ++g) {
      const std::int64_t low = low_width(config, *lora, static_cast<std::int64_t>(i), kAllGroups[g]);
      if (low > 0) planner.make(layer.low[g], {tokens, low});
    }
  }
}

template <class T>
void plan_scratch(Planner& planner, Scratch<T>& s, const LlamaConfig& config, const LoraConfig* lora,
                  const GraphLimits& limits) {
  const std::int64_t tokens = limits.max_tokens, hidden = config.hidden_size, ffn = config.intermediate_size,
                     q = config.q_size();
  planner.make(s.delta, {tokens, hidden});
  planner.make(s.act, {tokens, ffn});
  planner.make(s.d_act, {tokens, ffn});
  planner.make(s.d_x, {tokens, hidden});
  planner.make(s.d_attended, {tokens, q});
  planner.make(s.d_qkv, {tokens, q + 2 * config.kv_size()});
  planner.make(s.whole_qkv, {tokens, q + 2 * config.kv_size()});
  planner.make(s.whole_attended, {tokens, q});
  planner.make(s.whole_d_attended, {tokens, q});
  planner.make(s.whole_d_qkv, {tokens, q + 2 * config.kv_size()});
  planner.make(s.whole_lse, {tokens, config.n_heads});
  planner.make(s.d_residual, {tokens, hidden});
  if (lora) {
    if (lora->dropout > 0) planner.make(s.dropped, {tokens, std::max({hidden, ffn, q})});
    std::int64_t widest = 0;
    for (std::int64_t layer = 0; layer < config.n_layers; ++layer) {
      for (const LinearGroup group : kAllGroups) widest = std::max(widest, low_width(config, *lora, layer, group));
    }
    planner.make(s.d_low, {tokens, widest});
    if (lora->dora) {
      std::int64_t widest_output = 0;
      for (const LinearGroup group : kAllGroups) widest_output = std::max(widest_output, group_shape(config, group)[0]);
      planner.make(s.d_scaled, {tokens, widest_output});
      planner.make(s.unscaled, {tokens, widest_output});
    }
  }
  planner.make(s.r_head, {tokens, hidden});
  planner.make(s.delta_head, {tokens, hidden});
  planner.make(s.inv_head, {tokens});
  planner.make(s.x_head, {tokens, hidden});
  planner.make(s.d_x_head, {tokens, hidden});
  planner.make(s.d_r_head, {tokens, hidden});
  constexpr bool in_place = sizeof(T) == sizeof(float);
  s.n_head_block = std::min(in_place ? kInPlaceRows : kGradientRows, tokens);
  const std::int64_t chunk = in_place ? s.n_head_block : std::min(kLogitRows, s.n_head_block);
  planner.make(s.logits, {chunk, config.vocab_size});
  if (!in_place) planner.make(s.d_logits, {s.n_head_block, config.vocab_size});
  planner.make(s.losses, {chunk});
}

void plan_full_gradients(Planner& planner, FullGradients& gradients, const LlamaConfig& config) {
  planner.make(gradients.embedding, {config.vocab_size, config.hidden_size});
  planner.make(gradients.final_norm, {config.hidden_size});
  if (!config.tied_embeddings) planner.make(gradients.lm_head, {config.vocab_size, config.hidden_size});
  gradients.layers.resize(static_cast<std::size_t>(config.n_layers));
  for (LayerGradients& layer : gradients.layers) {
    planner.make(layer.attention_norm, {config.hidden_size});
    planner.make(layer.mlp_norm, {config.hidden_size});
    for (int g = 0; g < kGroups; ++g) {
      const Shape shape = group_shape(config, kAllGroups[g]);
      planner.make(layer.group[g], shape);
      if (has_bias(config, group_members(config, kAllGroups[g])[0].linear)) planner.make(layer.bias[g], {shape[0]});
    }
  }
}

void plan_lora_gradients(Planner& planner, std::vector<LoraGroupGradients>& gradients, const LlamaConfig& config,
                         const LoraConfig& lora) {
  gradients.resize(static_cast<std::size_t>(config.n_layers) * kGroups);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const LinearGroup group = kAllGroups[i % kGroups];
    const auto layer = static_cast<std::int64_t>(i / kGroups);
    const auto members = adapted_members(config, lora, layer, group);
    if (members.empty()) continue;
    const std::int64_t low = low_width(config, lora, layer, group);
    planner.make(gradients[i].a, {low, group_shape(config, group)[1]});
    if (lora.dora) planner.make(gradients[i].magnitude, {group_shape(config, group)[0]});
    gradients[i].b.resize(members.size());
    for (std::size_t j = 0; j < members.size(); ++j) {
      planner.make(gradients[i].b[j], {linear_shape(config, members[j].linear)[0], lora.rank});
    }
  }
}

template void plan_tape(Planner&, std::vector<LayerTape<float>>&, const LlamaConfig&, const LoraConfig*, std::int64_t);
template void plan_tape(Planner&, std::vector<LayerTape<bf16>>&, const LlamaConfig&, const LoraConfig*, std::int64_t);
template void plan_scratch(Planner&, Scratch<float>&, const LlamaConfig&, const LoraConfig*, const GraphLimits&);
template void plan_scratch(Planner&, Scratch<bf16>&, const LlamaConfig&, const LoraConfig*, const GraphLimits&);

std::uint64_t forecast_graph_bytes(const Cpu& cpu, const LlamaConfig& config, const LoraConfig* lora,
                                   const GraphLimits& limits, FrozenBase base) {
  return cpu.compute == Compute::Bf16 ? forecast<bf16>(config, lora, limits, base)
                                      : forecast<float>(config, lora, limits, base);
}

}  // namespace faqsmith
