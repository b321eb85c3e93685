// The hand-written backward pass against finite differences, and the promises of packing. Inputs are seeded tiny
// models.
#include "model/train_graph.h"

#include <gtest/gtest.h>

#include <cmath>

namespace faqsmith {
namespace {

LlamaConfig tiny(bool tied) {
  return {.hidden_size = 24,
          .intermediate_size = 40,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 6,
          .vocab_size = 50,
          .max_positions = 64,
          .rope_theta = 10000.0f,
          .rms_norm_eps = 1e-5f,
          .tied_embeddings = tied};
}

// random_weights are small (0.02): larger ones make every path count.
Weights strong_weights(const LlamaConfig& config, std::uint64_t seed) {
  Weights weights = random_weights(config, seed);
  for_each_tensor(weights, [](const std::string& name, Buffer<float>& tensor) {
    for (std::int64_t i = 0; i < tensor.size() && name.find("norm") == std::string::npos; ++i) tensor[i] *= 10;
  });
  return weights;
}

struct Sequence {
  std::vector<TokenId> ids;
  std::vector<bool> trained;
};
std::vector<Sequence> sequences(std::initializer_list<int> lengths, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Sequence> all;
  for (const int length : lengths) {
    Sequence s;
    for (int i = 0; i < length; ++i) {
      s.ids.push_back(static_cast<TokenId>(rng.below(50)));
      s.trained.push_back(i >= length / 3);
    }
    all.push_back(s);
  }
  return all;
}
Pack pack_of(const std::vector<Sequence>& list) {
  Pack pack;
  for (const Sequence& s : list) append_sequence(pack, s.ids, s.trained);
  return pack;
}

LoraWeights strong_lora(const LlamaConfig& config, const LoraConfig& lora_config, std::uint64_t seed) {
  Rng rng(seed);
  LoraWeights lora = init_lora(config, lora_config, rng);
  for (auto& layer : lora.layers) {
    for (auto& pair : layer) {
      for (std::int64_t i = 0; pair && i < pair->b.size(); ++i) pair->b[i] = static_cast<float>(0.1 * rng.normal());
    }
  }
  return lora;
}

constexpr GraphLimits kLimits{.max_tokens = 128, .max_length = 64};

// Moves each tensor along its own gradient, and along a random direction, and compares the change of the loss with what
// the gradient says. The loss has float32 noise of about 1e-5, so the step is large and the bound 1%.
void expect_finite_differences(TrainGraph& graph, const Pack& pack, std::uint64_t dropout_seed) {
  graph.zero_gradients();
  (void)graph.loss_and_gradients(pack, dropout_seed);
  std::vector<std::vector<float>> gradients;
  for (const TrainedTensor& t : graph.trained()) gradients.emplace_back(t.grad.data, t.grad.data + t.grad.shape.size());
  Rng rng(99);
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    const TrainedTensor& tensor = graph.trained()[k];
    const std::vector<float>& g = gradients[k];
    double norm = 0;
    for (const float x : g) norm += static_cast<double>(x) * static_cast<double>(x);
    norm = std::sqrt(norm);
    ASSERT_GT(norm, 1e-3) << tensor.name;
    std::vector<double> direction(g.size());  // half along the gradient, half random
    double size = 0, expected = 0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      direction[i] = static_cast<double>(g[i]) / norm + rng.normal() / std::sqrt(static_cast<double>(g.size()));
      size += direction[i] * direction[i];
    }
    const double step = 1e-2 / std::sqrt(size);
    for (std::size_t i = 0; i < g.size(); ++i) expected += direction[i] * static_cast<double>(g[i]);
    const std::vector<float> before(tensor.value.data, tensor.value.data + g.size());
    double loss[2];
    for (int side = 0; side < 2; ++side) {
      for (std::size_t i = 0; i < g.size(); ++i) {
        tensor.value.data[i] =
            static_cast<float>(static_cast<double>(before[i]) + (side ? step : -step) * direction[i]);
      }
      graph.weights_changed();
      loss[side] = graph.loss_and_gradients(pack, dropout_seed);
    }
    std::copy(before.begin(), before.end(), tensor.value.data);
    graph.weights_changed();
    EXPECT_NEAR((loss[1] - loss[0]) / (2 * step), expected, 0.01 * std::abs(expected) + 0.003) << tensor.name;
  }
}

TEST(TrainGraph, FullGradientsEqualFiniteDifferences) {
  for (const bool tied : {true, false}) {
    Weights weights = strong_weights(tiny(tied), 5);
    auto graph = make_full_graph({}, weights, kLimits);
    expect_finite_differences(*graph, pack_of(sequences({9, 14, 6}, 6)), 0);
  }
}

TEST(TrainGraph, LoraGradientsEqualFiniteDifferencesAlsoUnderDropout) {
  for (const float dropout : {0.0f, 0.3f}) {
    const Weights weights = strong_weights(tiny(true), 7);
    LoraConfig config{.rank = 3, .alpha = 6, .dropout = dropout};
    LoraWeights lora = strong_lora(weights.config, config, 8);
    auto graph = make_lora_graph({}, weights, lora, kLimits);
    expect_finite_differences(*graph, pack_of(sequences({9, 14, 6}, 9)), 1234);
  }
}

TEST(TrainGraph, DropoutIsOffWhenOnlyTheLossIsAsked) {
  const Weights weights = strong_weights(tiny(true), 7);
  LoraConfig config{.rank = 3, .alpha = 6, .dropout = 0.5f};
  LoraWeights lora = strong_lora(weights.config, config, 8);
  auto graph = make_lora_graph({}, weights, lora, kLimits);
  config.dropout = 0;
  LoraWeights plain = strong_lora(weights.config, config, 8);
  auto plain_graph = make_lora_graph({}, weights, plain, kLimits);
  const Pack pack = pack_of(sequences({9, 14}, 9));
  EXPECT_DOUBLE_EQ(graph->loss(pack), plain_graph->loss(pack));
  EXPECT_NE(graph->loss_and_gradients(pack, 1), graph->loss_and_gradients(pack, 2));
  EXPECT_EQ(graph->loss_and_gradients(pack, 1), graph->loss_and_gradients(pack, 1));
}

TEST(TrainGraph, LogitsInAPackEqualLogitsAlone) {
  Weights weights = strong_weights(tiny(true), 10);
  auto graph = make_full_graph({}, weights, kLimits);
  const auto list = sequences({17, 5, 23, 11}, 11);
  const auto together = graph->logits(pack_of(list));
  std::size_t at = 0;
  for (const Sequence& s : list) {
    for (const float logit : graph->logits(pack_of({s}))) {
      ASSERT_LT(at, together.size());
      EXPECT_NEAR(together[at++], logit, 2e-5f);
    }
  }
  EXPECT_EQ(at, together.size());
}

// Sequences of several lengths, so that each has its own number of labels: what adds up is the sum over labelled
// tokens.
void expect_accumulation_equals_one_batch(TrainGraph& graph, float tolerance) {
  const auto list = sequences({7, 3, 9, 5, 8, 6, 4, 10, 7, 5, 9, 3, 6, 8, 4, 7}, 13);
  graph.zero_gradients();
  const double together = graph.loss_and_gradients(pack_of(list), 0);
  std::vector<std::vector<float>> expected;
  for (const TrainedTensor& t : graph.trained()) expected.emplace_back(t.grad.data, t.grad.data + t.grad.shape.size());
  graph.zero_gradients();
  double apart = 0;
  for (const Sequence& s : list) apart += graph.loss_and_gradients(pack_of({s}), 0);
  EXPECT_NEAR(apart, together, static_cast<double>(tolerance) * together);
  for (std::size_t k = 0; k < expected.size(); ++k) {
    float largest = 0;
    for (const float x : expected[k]) largest = std::max(largest, std::abs(x));
    for (std::size_t i = 0; i < expected[k].size(); ++i) {
      ASSERT_NEAR(graph.trained()[k].grad.data[i], expected[k][i], tolerance * largest) << graph.trained()[k].name;
    }
  }
}

TEST(TrainGraph, OneSequenceSixteenTimesGivesTheGradientsOfSixteenAtOnce) {
  Weights weights = strong_weights(tiny(true), 12);
  expect_accumulation_equals_one_batch(*make_full_graph({}, weights, kLimits), 1e-5f);
  for (const bool dora : {false, true}) {
    LoraConfig config{.rank = 3, .alpha = 6, .dropout = 0, .rslora = !dora, .dora = dora};
    LoraWeights lora = strong_lora(weights.config, config, 14);
    init_magnitudes(weights, lora);
    expect_accumulation_equals_one_batch(*make_lora_graph({}, weights, lora, kLimits), 1e-5f);
  }
}

TEST(TrainGraph, LayersWithoutAnAdapterTrainNothingAndChangeNoGradientOfTheOthers) {
  const Weights weights = strong_weights(tiny(true), 15);
  const std::vector<Linear> everything = LoraConfig{}.targets;
  for (const bool dora : {false, true}) {
    LoraConfig all{.rank = 3, .alpha = 6, .dropout = 0, .dora = dora}, some = all;
    some.by_layer = {{Linear::K, Linear::Down}, {Linear::Q, Linear::Up}};
    LoraWeights whole = strong_lora(weights.config, all, 16);
    for (std::size_t i = 0; i < whole.layers.size(); ++i) {
      for (const Linear l : everything) {
        if (!some.has(static_cast<std::int64_t>(i), l)) whole.layers[i][static_cast<std::size_t>(l)]->b.zero();
      }
    }
    init_magnitudes(weights, whole);
    LoraWeights part = strong_lora(weights.config, some, 17);
    for (std::size_t i = 0; i < part.layers.size(); ++i) {
      for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
        ASSERT_EQ(part.layers[i][l].has_value(), some.has(static_cast<std::int64_t>(i), static_cast<Linear>(l)));
        if (!part.layers[i][l]) continue;
        const LoraPair& from = *whole.layers[i][l];
        std::copy_n(from.a.data(), from.a.size(), part.layers[i][l]->a.data());
        std::copy_n(from.b.data(), from.b.size(), part.layers[i][l]->b.data());
      }
    }
    init_magnitudes(weights, part);
    auto whole_graph = make_lora_graph({}, weights, whole, kLimits),
         part_graph = make_lora_graph({}, weights, part, kLimits);
    const Pack pack = pack_of(sequences({9, 14, 6}, 18));
    whole_graph->zero_gradients();
    part_graph->zero_gradients();
    const double loss = whole_graph->loss_and_gradients(pack, 0);
    EXPECT_NEAR(part_graph->loss_and_gradients(pack, 0), loss, 1e-5 * loss);
    EXPECT_EQ(part_graph->trained().size(), dora ? 12u : 8u);
    std::size_t n_same = 0;
    for (const TrainedTensor& found : part_graph->trained()) {
      for (const TrainedTensor& wanted : whole_graph->trained()) {
        if (wanted.name != found.name) continue;
        ++n_same;
        for (std::int64_t i = 0; i < found.grad.shape.size(); ++i)
          ASSERT_NEAR(found.grad.data[i], wanted.grad.data[i], 2e-4f) << found.name;
      }
    }
    EXPECT_EQ(n_same, part_graph->trained().size());
    EXPECT_NEAR(static_cast<double>(part_graph->bytes()),
                static_cast<double>(forecast_graph_bytes({}, weights.config, &some, kLimits)),
                0.05 * static_cast<double>(part_graph->bytes()));
  }
}

TEST(TrainGraph, LoraGradientsAddUpOverPacksAlsoAfterOneWithoutLabels) {
  const Weights weights = strong_weights(tiny(true), 7);
  LoraConfig config{.rank = 3, .alpha = 6, .dropout = 0, .targets = {Linear::K, Linear::Up, Linear::Down}};
  LoraWeights lora = strong_lora(weights.config, config, 8);
  auto graph = make_lora_graph({}, weights, lora, kLimits);
  const auto list = sequences({9, 14, 6}, 9);
  graph->zero_gradients();
  (void)graph->loss_and_gradients(pack_of(list), 0);
  std::vector<std::vector<float>> expected;
  for (const TrainedTensor& t : graph->trained()) expected.emplace_back(t.grad.data, t.grad.data + t.grad.shape.size());
  graph->zero_gradients();
  Pack unlabelled;
  append_sequence(unlabelled, std::vector<TokenId>{1, 2, 3}, {false, false, false});
  (void)graph->loss_and_gradients(unlabelled, 0);
  for (const Sequence& s : list) (void)graph->loss_and_gradients(pack_of({s}), 0);
  for (std::size_t k = 0; k < expected.size(); ++k) {
    for (std::size_t i = 0; i < expected[k].size(); ++i) {
      ASSERT_NEAR(graph->trained()[k].grad.data[i], expected[k][i], 2e-4f) << graph->trained()[k].name;
    }
  }
}

// The same sequences, whole and with their first six tokens held once: one loss, one gradient.
void expect_sharing_changes_nothing(TrainGraph& graph, double tolerance) {
  auto list = sequences({9, 24, 8}, 31);
  for (Sequence& s : list) {
    std::copy_n(list[0].ids.begin(), 6, s.ids.begin());
    std::fill_n(s.trained.begin(), 7, false);
  }
  Pack shared;
  begin_shared(shared, std::span(list[0].ids).first(6));
  for (const Sequence& s : list) append_sequence(shared, s.ids, s.trained);
  ASSERT_EQ(shared.n_tokens(), 9 + 24 + 8 - 12);
  graph.zero_gradients();
  const double loss = graph.loss_and_gradients(pack_of(list), 0);
  std::vector<std::vector<float>> expected;
  for (const TrainedTensor& t : graph.trained()) expected.emplace_back(t.grad.data, t.grad.data + t.grad.shape.size());
  graph.zero_gradients();
  EXPECT_NEAR(graph.loss_and_gradients(shared, 0) / loss, 1, tolerance);
  EXPECT_NEAR(graph.loss(shared) / loss, 1, tolerance);
  for (std::size_t k = 0; k < expected.size(); ++k) {
    float largest = 0;
    for (const float x : expected[k]) largest = std::max(largest, std::abs(x));
    for (std::size_t i = 0; i < expected[k].size(); ++i)
      ASSERT_NEAR(graph.trained()[k].grad.data[i], expected[k][i], tolerance * largest) << graph.trained()[k].name;
  }
}

TEST(TrainGraph, SharedFirstTokensChangeNothing) {
  Weights weights = strong_weights(tiny(true), 32);
  const LoraConfig config{.rank = 3, .alpha = 6, .dropout = 0, .targets = {Linear::Q, Linear::V, Linear::Down}};
  LoraWeights lora = strong_lora(weights.config, config, 33);
  expect_sharing_changes_nothing(*make_full_graph({}, weights, kLimits), 2e-5);
  expect_sharing_changes_nothing(*make_lora_graph({}, weights, lora, kLimits), 2e-5);
  const Cpu cpu = detect_cpu();
  if (cpu.compute == Compute::F32) return;
  expect_sharing_changes_nothing(*make_full_graph(cpu, weights, kLimits), 0.03);
}

TEST(TrainGraph, WeightsScaleTheLossAndTheGradientOfTheirRows) {
  Weights weights = strong_weights(tiny(true), 21);
  auto graph = make_full_graph({}, weights, kLimits);
  const std::vector<TokenId> ids = {3, 7, 11, 5, 2};
  const auto gradients = [&](const std::vector<float>& row_weights, double& loss) {
    Pack pack;
    append_sequence(pack, ids, row_weights);
    graph->zero_gradients();
    loss = graph->loss_and_gradients(pack, 0);
    std::vector<float> all;
    for (const TrainedTensor& t : graph->trained())
      all.insert(all.end(), t.grad.data, t.grad.data + t.grad.shape.size());
    return all;
  };
  double question = 0, answer = 0, both = 0;
  const auto q = gradients({0, 1, 1, 0, 0}, question);
  const auto a = gradients({0, 0, 0, 1, 1}, answer);
  const auto mixed = gradients({0, 0.25F, 0.25F, 1, 1}, both);
  EXPECT_NEAR(both, 0.25 * question + answer, 1e-5);
  for (std::size_t i = 0; i < mixed.size(); ++i) ASSERT_NEAR(mixed[i], 0.25F * q[i] + a[i], 1e-5F);
}

TEST(TrainGraph, ForecastOfMemoryIsWhatIsAllocated) {
  LlamaConfig config = tiny(true);
  config.hidden_size = 64, config.head_dim = 16, config.intermediate_size = 128, config.vocab_size = 512;
  Weights weights = random_weights(config, 3);
  auto full = make_full_graph({}, weights, kLimits);
  EXPECT_NEAR(static_cast<double>(full->bytes()),
              static_cast<double>(forecast_graph_bytes({}, config, nullptr, kLimits)),
              0.05 * static_cast<double>(full->bytes()));
  LoraConfig lora_config{.rank = 8};
  Rng rng(1);
  LoraWeights lora = init_lora(config, lora_config, rng);
  auto adapter = make_lora_graph({}, weights, lora, kLimits);
  EXPECT_NEAR(static_cast<double>(adapter->bytes()),
              static_cast<double>(forecast_graph_bytes({}, config, &lora_config, kLimits)),
              0.05 * static_cast<double>(adapter->bytes()));
}

TEST(TrainGraph, APackWithoutLabelsChangesNothing) {
  Weights weights = strong_weights(tiny(true), 12);
  auto graph = make_full_graph({}, weights, kLimits);
  graph->zero_gradients();
  Pack pack;
  append_sequence(pack, std::vector<TokenId>{1, 2, 3}, {false, false, false});
  EXPECT_EQ(graph->loss_and_gradients(pack, 0), 0.0);
  for (const TrainedTensor& t : graph->trained()) EXPECT_EQ(t.grad.data[0], 0.0f);
}

}  // namespace
}  // namespace faqsmith
