// The parts of the graph's own clock are scaled apart: what belongs to a layer by the number of layers, the head once.
#include "app/train_speed.h"

#include <algorithm>

#include "model/lora.h"
#include "model/train_graph.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kLayers = 2;
constexpr std::int64_t kSequences = 14, kLength = 58;  // about the shape of question/answer rows
constexpr std::int64_t kShared = 16;                   // of each sequence: the system prompt
constexpr double kUpdateSecondsPerParameter = 1.5e-9;  // AdamW is bound by memory: 28 bytes moved for each parameter

// Small values that differ: zeros would let some processors skip work.
void fill(Weights& weights) {
  for_each_tensor(weights, [](const std::string&, Buffer<float>& tensor) {
    std::uint32_t state = 12345;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      state = state * 1664525u + 1013904223u;
      tensor[i] = (static_cast<float>(state >> 16) / 65536.0f - 0.5f) * 0.05f;
    }
  });
}

std::vector<TokenId> make_tokens(std::int64_t sequence, std::int64_t n, std::int64_t vocab) {
  std::vector<TokenId> ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back(static_cast<TokenId>((sequence * 7919 + i * 104729) % vocab));
  return ids;
}

Pack make_pack(std::int64_t vocab) {
  Pack pack;
  begin_shared(pack, make_tokens(0, kShared, vocab));
  for (std::int64_t s = 0; s < kSequences; ++s) {
    std::vector<TokenId> ids = pack.tokens;
    ids.resize(kShared);
    for (const TokenId id : make_tokens(s, kLength - kShared, vocab)) ids.push_back(id);
    std::vector<bool> trained(ids.size(), true);  // the answer, and the question at a lower weight
    std::fill_n(trained.begin(), kShared + 1, false);
    append_sequence(pack, ids, trained);
  }
  return pack;
}

struct Clocks {
  double layers = 0, head = 0, repack = 0;
};

Clocks read_clocks(const TrainGraph& graph) {
  Clocks out;
  for (int i = 0; i < static_cast<int>(GraphPart::Count); ++i) {
    const auto part = static_cast<GraphPart>(i);
    const bool head = part == GraphPart::Head || part == GraphPart::HeadGrads || part == GraphPart::Embedding;
    (part == GraphPart::Repack ? out.repack : head ? out.head : out.layers) += graph.seconds(part);
  }
  return out;
}

}  // namespace

TrainSpeed measure_train_speed(const Cpu& cpu, const LlamaConfig& student, Method method, const LoraConfig& lora) {
  LlamaConfig small = student;
  small.n_layers = std::min(kLayers, student.n_layers);
  Weights weights = allocate_weights(small);
  fill(weights);
  const GraphLimits limits{.max_tokens = kSequences * kLength, .max_length = kLength};
  Rng rng(1);
  LoraWeights adapter;
  if (trains_adapter(method)) adapter = init_lora(small, lora, rng);
  const auto graph =
      trains_adapter(method) ? make_lora_graph(cpu, weights, adapter, limits) : make_full_graph(cpu, weights, limits);
  const Pack pack = make_pack(student.vocab_size);
  (void)graph->loss_and_gradients(pack, 1);  // the first pass compiles kernels
  const Clocks before = read_clocks(*graph);
  (void)graph->loss_and_gradients(pack, 1);
  graph->weights_changed();
  const Clocks after = read_clocks(*graph);

  const double depth = static_cast<double>(student.n_layers) / static_cast<double>(small.n_layers);
  const double size = static_cast<double>(student.n_parameters()) / static_cast<double>(small.n_parameters());
  double trained = static_cast<double>(student.n_parameters());
  if (trains_adapter(method)) {
    trained = 0;
    for (const auto& tensor : graph->trained()) trained += static_cast<double>(tensor.value.shape.size()) * depth;
  }
  TrainSpeed speed;
  speed.token_s = ((after.layers - before.layers) * depth + after.head - before.head) /
                  static_cast<double>(pack.n_sequence_tokens());
  speed.step_s = (after.repack - before.repack) * size + trained * kUpdateSecondsPerParameter;
  return speed;
}

}  // namespace faqsmith
