// Patterns of modules and ranges of layers: what they choose, and what an unmatched one is told.
#include "model/lora_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace faqsmith {
namespace {

using Layers = std::vector<std::vector<Linear>>;
using Names = std::vector<std::string>;

LlamaConfig model_of(std::int64_t n_layers) {
  LlamaConfig model;
  model.n_layers = n_layers;
  return model;
}

LoraConfig select(const Names& targets, const Names& layers, std::int64_t n_layers = 3) {
  LoraConfig config;
  select_modules(config, model_of(n_layers), targets, layers);
  return config;
}

struct Refusal {
  std::string what, hint;
};
Refusal refusal(const Names& targets, const Names& layers) {
  try {
    (void)select(targets, layers);
  } catch (const Error& e) {
    return {e.what(), e.hint()};
  }
  return {"accepted", ""};
}

TEST(LoraSelection, NamesChooseALinearOfEachLayer) {
  const LoraConfig config = select({"up_proj", "q_proj"}, {});
  EXPECT_EQ(config.targets, (std::vector<Linear>{Linear::Q, Linear::Up}));
  EXPECT_TRUE(config.by_layer.empty());
  EXPECT_TRUE(config.has(2, Linear::Up));
  EXPECT_FALSE(config.has(2, Linear::Down));
  EXPECT_EQ(select({"all-linear"}, {}).targets, LoraConfig{}.targets);
}

TEST(LoraSelection, EndsOfNamesAndPatternsChooseModules) {
  EXPECT_EQ(select({"1.mlp.down_proj", "0.self_attn.k_proj"}, {}).by_layer, (Layers{{Linear::K}, {Linear::Down}, {}}));
  EXPECT_EQ(select({R"(.*\.[02]\.self_attn\.(q|o)_proj)"}, {}).by_layer,
            (Layers{{Linear::Q, Linear::O}, {}, {Linear::Q, Linear::O}}));
  EXPECT_TRUE(select({".*mlp.*"}, {}).by_layer.empty());
  EXPECT_EQ(select({".*mlp.*", "gate_proj"}, {}).targets,
            (std::vector<Linear>{Linear::Gate, Linear::Up, Linear::Down}));
}

TEST(LoraSelection, RangesChooseLayersAndNarrowTheTargetsDown) {
  const std::vector<Linear> q = {Linear::Q};
  EXPECT_EQ(select({"q_proj"}, {"0-1", "4-"}, 6).by_layer, (Layers{q, q, {}, {}, q, q}));
  EXPECT_EQ(select({"q_proj"}, {"2"}).by_layer, (Layers{{}, {}, q}));
  EXPECT_TRUE(select({"q_proj"}, {"0", " 1 - 2 "}).by_layer.empty());
  EXPECT_EQ(select({"q_proj", "0.mlp.up_proj"}, {"0"}).by_layer, (Layers{{Linear::Q, Linear::Up}, {}, {}}));
}

TEST(LoraSelection, WhatMatchesNothingIsToldWhatThereIs) {
  for (const Names& targets :
       {Names{"q_porj"}, Names{"q_proj", "3.mlp.up_proj"}, Names{"model.layers.9.*"}, Names{""}}) {
    const Refusal said = refusal(targets, {});
    EXPECT_NE(said.what, "accepted") << targets.back();
    if (targets.back().empty()) continue;
    EXPECT_THAT(said.what, testing::HasSubstr("'" + targets.back() + "'"));
    EXPECT_THAT(said.hint, testing::HasSubstr("model.layers.0.self_attn.q_proj to model.layers.2.mlp.down_proj"));
  }
  for (const char* range : {"3", "1-3", "2-1", "-1", "x", "", "0-1-2", "1.5", "9-", "99999999999999999999"}) {
    const Refusal said = refusal({"q_proj"}, {range});
    EXPECT_THAT(said.what, testing::HasSubstr("lora.layers")) << range;
    EXPECT_THAT(said.hint, testing::HasSubstr("layers 0 to 2")) << range;
  }
  EXPECT_THAT(refusal({"0.mlp.up_proj"}, {"1"}).what, testing::HasSubstr("together choose no linear"));
  EXPECT_THAT(refusal({"(q_proj"}, {}).what, testing::HasSubstr("no regular expression"));
}

}  // namespace
}  // namespace faqsmith
