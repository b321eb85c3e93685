// Shapes of every buffer of a training graph, and the forecast that sums them.
#include "model/train_graph_buffers.h"

#include <algorithm>

namespace faqsmith {
namespace {

constexpr LinearGroup kAllGroups[kGroups] = {LinearGroup::Qkv, LinearGroup::O, LinearGroup::GateUp, LinearGroup::Down};

// What PackedMatrix holds for a [reads, writes] operand: whole blocks of 32 x 64, which matters for thin adapters.
std::uint64_t packed_elements(std::int64_t reads, std::int64_t writes) {
  constexpr std::int64_t kBlockRows = 32, kBlockColumns = 64;
  const std::int64_t rows = (reads + kBlockRows - 1) / kBlockRows * kBlockRows;
  return static_cast<std::uint64_t>(rows * ((writes + kBlockColumns - 1) / kBlockColumns * kBlockColumns));
}

std::uint64_t both_orientations(std::int64_t out, std::int64_t in) {
  return packed_elements(in, out) + packed_elements(out, in);
}

std::uint64_t packed_bytes(const LlamaConfig& config, const LoraConfig* lora, std::size_t element) {
  std::uint64_t layer = 0;
  for (const LinearGroup group : kAllGroups) {
    const Shape shape = group_shape(config, group);
    layer += both_orientations(shape[0], shape[1]);
    if (!lora) continue;
    const auto members = adapted_members(config, *lora, group);
    if (members.empty()) continue;
    layer += both_orientations(static_cast<std::int64_t>(members.size()) * lora->rank, shape[1]);
    for (const GroupMember& member : members)
      layer += both_orientations(linear_shape(config, member.linear)[0], lora->rank);
  }
  return (static_cast<std::uint64_t>(config.n_layers) * layer +
          both_orientations(config.vocab_size, config.hidden_size)) *
         element;
}

template <class T>
std::uint64_t forecast(const LlamaConfig& config, const LoraConfig* lora, const GraphLimits& limits) {
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
  return planner.bytes() + packed_bytes(config, lora, sizeof(T));
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

std::vector<GroupMember> adapted_members(const LlamaConfig& config, const LoraConfig& lora, LinearGroup group) {
  std::vector<GroupMember> members;
  for (const GroupMember& member : group_members(config, group)) {
    if (std::find(lora.targets.begin(), lora.targets.end(), member.linear) != lora.targets.end())
      members.push_back(member);
  }
  return members;
}

std::int64_t head_chunk(const GraphLimits& limits) {
  return std::min<std::int64_t>(512, limits.max_tokens);
}

template <class T>
void plan_tape(Planner& planner, std::vector<LayerTape<T>>& tape, const LlamaConfig& config, const LoraConfig* lora,
               std::int64_t tokens) {
  tape.resize(static_cast<std::size_t>(config.n_layers));
  const std::int64_t hidden = config.hidden_size, q = config.q_size();
  for (LayerTape<T>& layer : tape) {
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
      const auto n = static_cast<std::int64_t>(adapted_members(config, *lora, kAllGroups[g]).size());
      if (n > 0) planner.make(layer.low[g], {tokens, n * lora->rank});
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
  planner.make(s.d_residual, {tokens, hidden});
  if (lora) {
    if (lora->dropout > 0) planner.make(s.dropped, {tokens, std::max({hidden, ffn, q})});
    planner.make(s.d_low, {tokens, 3 * lora->rank});
  }
  planner.make(s.r_head, {tokens, hidden});
  planner.make(s.delta_head, {tokens, hidden});
  planner.make(s.inv_head, {tokens});
  planner.make(s.x_head, {tokens, hidden});
  planner.make(s.d_x_head, {tokens, hidden});
  planner.make(s.d_r_head, {tokens, hidden});
  const std::int64_t chunk = head_chunk(limits);
  planner.make(s.logits, {chunk, config.vocab_size});
  if (sizeof(T) != sizeof(float)) planner.make(s.d_logits, {chunk, config.vocab_size});
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
    for (int g = 0; g < kGroups; ++g) planner.make(layer.group[g], group_shape(config, kAllGroups[g]));
  }
}

void plan_lora_gradients(Planner& planner, std::vector<LoraGroupGradients>& gradients, const LlamaConfig& config,
                         const LoraConfig& lora) {
  gradients.resize(static_cast<std::size_t>(config.n_layers) * kGroups);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const LinearGroup group = kAllGroups[i % kGroups];
    const auto members = adapted_members(config, lora, group);
    if (members.empty()) continue;
    planner.make(gradients[i].a,
                 {static_cast<std::int64_t>(members.size()) * lora.rank, group_shape(config, group)[1]});
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
                                   const GraphLimits& limits) {
  return cpu.compute == Compute::Bf16 ? forecast<bf16>(config, lora, limits) : forecast<float>(config, lora, limits);
}

}  // namespace faqsmith
