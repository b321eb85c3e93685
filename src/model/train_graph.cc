// Construction, memory and the list of trained tensors. The passes are in train_graph_forward.cc and
// train_graph_backward.cc.
#include "model/train_graph.h"

#include <cstring>

#include "model/train_graph_impl.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

using Decay = TrainedTensor::Decay;

constexpr const char* kPartNames[] = {
    "linears",          "weight gradients",  "LoRA products", "attention", "norms, RoPE, SwiGLU",
    "LM head and loss", "LM head gradients", "embedding",     "repacking", "streaming weights"};
static_assert(std::size(kPartNames) == static_cast<std::size_t>(GraphPart::Count));

constexpr LinearGroup kAllGroups[kGroups] = {LinearGroup::Qkv, LinearGroup::O, LinearGroup::GateUp, LinearGroup::Down};

InOut<float> master(Buffer<float>& buffer) {
  return {buffer.data(), buffer.shape()};
}

// Rows [first, first + shape[0]) of a fused gradient.
Acc<float> row_slice(Buffer<float>& fused, std::int64_t first, const Shape& shape) {
  require(first + shape[0] <= fused.shape()[0] && shape[1] == fused.shape()[1],
          "a slice lies within the fused gradient");
  return {fused.data() + first * shape[1], shape};
}

void fill_zero(const Acc<float>& view) {
  parallel_for(view.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    std::memset(view.data + begin, 0, static_cast<std::size_t>(end - begin) * sizeof(float));
  });
}

}  // namespace

const char* part_name(GraphPart part) {
  return kPartNames[static_cast<int>(part)];
}

template <class T>
LlamaTrainGraph<T>::LlamaTrainGraph(const Cpu& cpu, Weights& weights, const GraphLimits& limits)
    : runner_{.cpu = cpu},
      weights_(weights),
      config_(weights.config),
      limits_(limits),
      rope_(make_rope_table(weights.config, limits.max_length)) {
  plan(nullptr);
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    for (const LinearGroup g : kAllGroups) {
      groups_.emplace_back(cpu.compute, config_, weights.layers[l], g, nullptr, nullptr, nullptr, nullptr);
    }
  }
  pack_head();
  list_full_tensors(weights);
}

template <class T>
LlamaTrainGraph<T>::LlamaTrainGraph(const Cpu& cpu, const Weights& weights, LoraWeights& lora,
                                    const GraphLimits& limits, FrozenBase base)
    : runner_{.cpu = cpu},
      weights_(weights),
      lora_(&lora),
      base_(base),
      config_(weights.config),
      limits_(limits),
      rope_(make_rope_table(weights.config, limits.max_length)) {
  plan(&lora.config);
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    for (const LinearGroup g : kAllGroups) {
      groups_.emplace_back(cpu.compute, config_, weights.layers[l], g, &lora.config, &lora.layers[l],
                           &lora_gradients_[l * kGroups + static_cast<std::size_t>(g)], shared());
    }
  }
  pack_head();
  list_lora_tensors();
}

template <class T>
void LlamaTrainGraph<T>::plan(const LoraConfig* lora) {
  require(limits_.max_tokens > 0 && limits_.max_length > 0, "a training graph is made for a number of tokens");
  Planner planner(Planner::Mode::Allocate);
  plan_tape(planner, tape_, config_, lora, limits_.max_tokens);
  plan_scratch(planner, scratch_, config_, lora, limits_);
  if (lora) {
    plan_lora_gradients(planner, lora_gradients_, config_, *lora);
  } else {
    plan_full_gradients(planner, full_gradients_, config_);
  }
  planned_bytes_ = planner.bytes();
  groups_.reserve(static_cast<std::size_t>(config_.n_layers) * kGroups);
}

template <class T>
void LlamaTrainGraph<T>::pack_head() {
  const RowSource* const part = &weights_.head();
  const std::span parts(&part, 1);
  const Compute compute = runner_.cpu.compute;
  if (PackMemory* memory = shared()) {
    head_ = PackedMatrix(compute, parts, Product::Forward, *memory);
    head_transposed_ = PackedMatrix(compute, parts, Product::Backward, *memory);
    return;
  }
  head_ = PackedMatrix(compute, parts, Product::Forward);
  head_transposed_ = PackedMatrix(compute, parts, Product::Backward);
  weights_.head().release_pages();  // tied: rows that are looked up come back one by one
}

template <class T>
const PackedMatrix* LlamaTrainGraph<T>::ready(PackedMatrix& head) {
  if (shared()) runner_.time(GraphPart::Streaming, [&] { head.repack(weights_.head()); });
  return &head;
}

template <class T>
void LlamaTrainGraph<T>::list_full_tensors(Weights& weights) {
  FullGradients& g = full_gradients_;
  trained_.push_back(
      {"model.embed_tokens.weight", master(weights.embedding.values()), g.embedding.acc(), Decay::Embedding});
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    LayerWeights& layer = weights.layers[l];
    const std::string prefix = "model.layers." + std::to_string(l) + ".";
    trained_.push_back({prefix + "input_layernorm.weight", master(layer.attention_norm),
                        g.layers[l].attention_norm.acc(), Decay::None});
    trained_.push_back(
        {prefix + "post_attention_layernorm.weight", master(layer.mlp_norm), g.layers[l].mlp_norm.acc(), Decay::None});
    for (const LinearGroup group : kAllGroups) {
      for (const GroupMember& member : group_members(config_, group)) {
        Buffer<float>& weight = layer.at(member.linear).values();
        const auto index = static_cast<std::int64_t>(l);
        trained_.push_back({hf_name(index, member.linear), master(weight),
                            row_slice(g.layers[l].group[static_cast<int>(group)], member.column, weight.shape()),
                            Decay::Matrix});
        Buffer<float>& bias = layer.bias_of(member.linear);
        if (bias.empty()) continue;
        trained_.push_back({hf_bias_name(index, member.linear),
                            master(bias),
                            {g.layers[l].bias[static_cast<int>(group)].data() + member.column, bias.shape()},
                            Decay::None});
      }
    }
  }
  trained_.push_back({"model.norm.weight", master(weights.final_norm), g.final_norm.acc(), Decay::None});
  if (!weights.lm_head.empty())
    trained_.push_back({"lm_head.weight", master(weights.lm_head.values()), g.lm_head.acc(), Decay::Embedding});
}

template <class T>
void LlamaTrainGraph<T>::list_lora_tensors() {
  for (std::size_t l = 0; l < lora_->layers.size(); ++l) {
    for (const LinearGroup group : kAllGroups) {
      LoraGroupGradients& g = lora_gradients_[l * kGroups + static_cast<std::size_t>(group)];
      const auto members = adapted_members(config_, lora_->config, static_cast<std::int64_t>(l), group);
      for (std::size_t j = 0; j < members.size(); ++j) {
        LoraPair& pair = *lora_->layers[l][static_cast<std::size_t>(members[j].linear)];
        const std::string name = hf_module_name(static_cast<std::int64_t>(l), members[j].linear);
        trained_.push_back({name + ".lora_A", master(pair.a),
                            row_slice(g.a, static_cast<std::int64_t>(j) * lora_->config.rank, pair.a.shape()),
                            Decay::Matrix});
        trained_.push_back({name + ".lora_B", master(pair.b), g.b[j].acc(), Decay::Matrix});
        if (lora_->config.dora)
          trained_.push_back({name + ".lora_magnitude_vector",
                              master(pair.magnitude),
                              {g.magnitude.data() + members[j].column, pair.magnitude.shape()},
                              Decay::Matrix});
      }
    }
  }
}

template <class T>
void LlamaTrainGraph<T>::zero_gradients() {
  stale_gradients_ = true;
}

template <class T>
void LlamaTrainGraph<T>::clear_gradients() {
  for (const TrainedTensor& tensor : trained_) fill_zero(tensor.grad);
  stale_gradients_ = false;
}

template <class T>
void LlamaTrainGraph<T>::clear_small_gradients() {
  if (!full()) return;
  fill_zero(full_gradients_.final_norm.acc());
  for (LayerGradients& layer : full_gradients_.layers) {
    fill_zero(layer.attention_norm.acc());
    fill_zero(layer.mlp_norm.acc());
    for (Buffer<float>& bias : layer.bias) {
      if (!bias.empty()) fill_zero(bias.acc());
    }
  }
  if (!config_.tied_embeddings) fill_zero(full_gradients_.embedding.acc());  // when tied, the head writes it first
}

template <class T>
void LlamaTrainGraph<T>::weights_changed() {
  const auto start = std::chrono::steady_clock::now();
  for (TrainGroup<T>& g : groups_) {
    if (full()) {
      g.repack_weights();
    } else {
      g.repack_adapters();
    }
  }
  if (full()) {
    head_.repack(weights_.head());
    head_transposed_.repack(weights_.head());
  }
  runner_.seconds[static_cast<std::size_t>(GraphPart::Repack)] +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class T>
std::uint64_t LlamaTrainGraph<T>::bytes() const {
  std::uint64_t total = planned_bytes_ + head_.bytes() + head_transposed_.bytes() + streamed_.bytes();
  for (const TrainGroup<T>& g : groups_) total += g.bytes();
  return total;
}

template <class T>
DropoutMask LlamaTrainGraph<T>::mask(std::size_t layer, LinearGroup g) const {
  return {dropout_, mix_seed(dropout_seed_, layer * kGroups + static_cast<std::size_t>(g))};
}

template <class T>
void LlamaTrainGraph<T>::check(const Pack& pack) const {
  require(pack.n_sequences() > 0 && pack.n_tokens() > pack.n_shared() && pack.n_sequence_tokens() <= limits_.max_tokens,
          "a pack has at least one token and fits the graph's plan");
  require(pack.positions.size() == pack.tokens.size() && pack.labels.size() == pack.rows.size() &&
              pack.weights.size() == pack.rows.size(),
          "a pack's arrays match");
}

template class LlamaTrainGraph<float>;
template class LlamaTrainGraph<bf16>;

std::unique_ptr<TrainGraph> make_full_graph(const Cpu& cpu, Weights& weights, const GraphLimits& limits) {
  if (cpu.compute == Compute::Bf16) return std::make_unique<LlamaTrainGraph<bf16>>(cpu, weights, limits);
  return std::make_unique<LlamaTrainGraph<float>>(cpu, weights, limits);
}

std::unique_ptr<TrainGraph> make_lora_graph(const Cpu& cpu, const Weights& weights, LoraWeights& lora,
                                            const GraphLimits& limits, FrozenBase base) {
  if (cpu.compute == Compute::Bf16) return std::make_unique<LlamaTrainGraph<bf16>>(cpu, weights, lora, limits, base);
  return std::make_unique<LlamaTrainGraph<float>>(cpu, weights, lora, limits, base);
}

}  // namespace faqsmith
