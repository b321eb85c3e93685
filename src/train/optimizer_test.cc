// Groups of weight decay: with a gradient of zero an AdamW step is the decay alone.
#include "train/optimizer.h"

#include <gtest/gtest.h>

namespace faqsmith {
namespace {

LlamaConfig tiny(bool tied) {
  return {.hidden_size = 16,
          .intermediate_size = 24,
          .n_layers = 1,
          .n_heads = 2,
          .n_kv_heads = 2,
          .head_dim = 8,
          .vocab_size = 32,
          .max_positions = 32,
          .tied_embeddings = tied,
          .attention_bias = true,
          .mlp_bias = true};
}

bool is_embedding(const std::string& name) {
  return name == "model.embed_tokens.weight" || name == "lm_head.weight";
}
bool is_norm_or_bias(const std::string& name) {
  return name.find("norm") != std::string::npos || name.ends_with(".bias");
}

// The factor by which a step changes each tensor's values, by name.
void expect_decay(bool decay_embedding) {
  constexpr double kRate = 0.1, kDecay = 0.5;
  Weights weights = random_weights(tiny(false), 3);
  auto graph = make_full_graph({}, weights, {.max_tokens = 8, .max_length = 8});
  for (const TrainedTensor& tensor : graph->trained()) std::fill_n(tensor.value.data, tensor.value.shape.size(), 2.0f);
  graph->zero_gradients();
  Pack pack;
  append_sequence(pack, std::vector<TokenId>{1, 2, 3}, {false, false, false});
  (void)graph->loss_and_gradients(pack, 0);  // no label: a gradient of zeros
  TrainOptions options;
  options.weight_decay = kDecay;
  options.decay_embedding = decay_embedding;
  Optimizer optimizer({}, graph->trained(), options);
  optimizer.step(kRate, 1.0, optimizer.gradient_norm(1.0));
  int n_decayed = 0, n_left = 0;
  for (const TrainedTensor& tensor : graph->trained()) {
    const bool left = is_norm_or_bias(tensor.name) || (is_embedding(tensor.name) && !decay_embedding);
    const double expected = left ? 2.0 : 2.0 * (1 - kRate * kDecay);
    for (std::int64_t i = 0; i < tensor.value.shape.size(); ++i)
      ASSERT_NEAR(tensor.value.data[i], expected, 1e-6) << tensor.name;
    ++(left ? n_left : n_decayed);
  }
  EXPECT_EQ(n_decayed, decay_embedding ? 9 : 7);  // seven linears, and the two tables of the vocabulary
  EXPECT_EQ(n_left, decay_embedding ? 10 : 12);   // three norms and seven biases
}

TEST(Optimizer, DecaysMatricesNeverNormsAndBiases) {
  expect_decay(true);
}

TEST(Optimizer, LeavesTheEmbeddingAndTheHeadAloneIfAsked) {
  expect_decay(false);
}

TEST(Optimizer, DecaysEveryMatrixOfAnAdapter) {
  const Weights weights = random_weights(tiny(true), 3);
  Rng rng(1);
  LoraWeights lora = init_lora(weights.config, {.rank = 2}, rng);
  auto graph = make_lora_graph({}, weights, lora, {.max_tokens = 8, .max_length = 8});
  TrainOptions options;
  options.weight_decay = 0.25;
  options.decay_embedding = false;
  const Optimizer optimizer({}, graph->trained(), options);
  EXPECT_EQ(graph->trained().size(), 14u);
  for (const TrainedTensor& tensor : graph->trained()) EXPECT_EQ(optimizer.decay_of(tensor), 0.25) << tensor.name;
}

}  // namespace
}  // namespace faqsmith
