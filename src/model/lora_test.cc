// LoRA: first values, merging, and PEFT's files both ways.
#include "model/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "formats/safetensors.h"

namespace faqsmith {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const LlamaConfig kModel = {.hidden_size = 32,
                            .intermediate_size = 48,
                            .n_layers = 2,
                            .n_heads = 4,
                            .n_kv_heads = 2,
                            .head_dim = 8,
                            .vocab_size = 20,
                            .max_positions = 64};

LoraWeights random_lora(const LoraConfig& config) {
  Rng rng(17);
  LoraWeights lora = init_lora(kModel, config, rng);
  for (auto& layer : lora.layers) {
    for (auto& pair : layer) {
      if (!pair) continue;
      for (std::int64_t i = 0; i < pair->b.size(); ++i) pair->b[i] = static_cast<float>(rng.normal());
    }
  }
  return lora;
}

TEST(Lora, StartsAsPeftDoes) {
  Rng rng(1);
  const LoraWeights lora = init_lora(kModel, {.rank = 8, .targets = {Linear::Q, Linear::Down}}, rng);
  ASSERT_EQ(lora.layers.size(), 2u);
  EXPECT_FALSE(lora.layers[0][static_cast<int>(Linear::K)]);
  const LoraPair& down = *lora.layers[1][static_cast<int>(Linear::Down)];
  EXPECT_EQ(down.a.shape(), (Shape{8, 48}));
  EXPECT_EQ(down.b.shape(), (Shape{32, 8}));
  const float bound = 1.0f / std::sqrt(48.0f);
  float largest = 0;
  for (std::int64_t i = 0; i < down.a.size(); ++i) largest = std::max(largest, std::abs(down.a[i]));
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, 0.9f * bound);
  for (std::int64_t i = 0; i < down.b.size(); ++i) EXPECT_EQ(down.b[i], 0.0f);
}

TEST(Lora, MergingAddsTheScaledProduct) {
  const LoraWeights lora = random_lora({.rank = 4, .alpha = 6.0f, .targets = {Linear::K, Linear::Up}});
  const Weights before = random_weights(kModel, 5);
  Weights after = random_weights(kModel, 5);
  merge_lora(after, lora);
  for (int l = 0; l < kLinearsPerLayer; ++l) {
    const auto& pair = lora.layers[1][static_cast<std::size_t>(l)];
    const WeightMatrix &w = before.layers[1].linear[l], &merged = after.layers[1].linear[l];
    for (std::int64_t o = 0; o < w.shape()[0]; ++o) {
      for (std::int64_t i = 0; i < w.shape()[1]; ++i) {
        double expected = w[o * w.shape()[1] + i];
        for (std::int64_t r = 0; pair && r < 4; ++r) {
          expected += 1.5 * static_cast<double>(pair->b[o * 4 + r]) * pair->a[r * w.shape()[1] + i];
        }
        EXPECT_NEAR(merged[o * w.shape()[1] + i], expected, 1e-5);
      }
    }
  }
}

TEST(Lora, RefusesRanksAndTargetsThatTrainNothing) {
  Rng rng(1);
  EXPECT_THROW((void)init_lora(kModel, {.rank = 0}, rng), Error);
  EXPECT_THROW((void)init_lora(kModel, {.rank = 33}, rng), Error);
  EXPECT_THROW((void)init_lora(kModel, {.targets = {}}, rng), Error);
}

class PeftFolder : public testing::Test {
 protected:
  PeftFolder()
      : folder_(fs::path(testing::TempDir()) /
                (std::string("faqsmith_peft_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~PeftFolder() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string refusal(const LlamaConfig& model = kModel) const {
    try {
      (void)load_peft_adapter(folder_, model);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }
  fs::path folder_;
};

TEST_F(PeftFolder, KeepsEveryBitAndEverySetting) {
  const LoraWeights lora =
      random_lora({.rank = 4, .alpha = 6.5f, .dropout = 0.05f, .targets = {Linear::Q, Linear::O, Linear::Down}});
  save_peft_adapter(folder_ / "a", lora, kModel, "base");
  const LoraWeights back = load_peft_adapter(folder_ / "a", kModel);
  EXPECT_EQ(back.config.rank, 4);
  EXPECT_EQ(back.config.alpha, 6.5f);
  EXPECT_EQ(back.config.dropout, 0.05f);
  EXPECT_EQ(back.config.targets, lora.config.targets);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
      ASSERT_EQ(back.layers[i][l].has_value(), lora.layers[i][l].has_value());
      if (!back.layers[i][l]) continue;
      const LoraPair &a = *lora.layers[i][l], &b = *back.layers[i][l];
      EXPECT_TRUE(std::equal(a.a.data(), a.a.data() + a.a.size(), b.a.data()));
      EXPECT_TRUE(std::equal(a.b.data(), a.b.data() + a.b.size(), b.b.data()));
    }
  }
}

TEST_F(PeftFolder, UsesPeftsNames) {
  save_peft_adapter(folder_, random_lora({.rank = 4, .alpha = 8, .targets = {Linear::Q, Linear::Gate}}), kModel,
                    "some/base");
  const SafetensorsFile file(folder_ / "adapter_model.safetensors");
  EXPECT_NE(file.find_tensor("base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"), nullptr);
  EXPECT_NE(file.find_tensor("base_model.model.model.layers.0.mlp.gate_proj.lora_B.weight"), nullptr);
  EXPECT_EQ(file.header().tensors.size(), 8u);
  const json config = parse_json(read_file(folder_ / "adapter_config.json"));
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["task_type"], "CAUSAL_LM");
  EXPECT_EQ(config["r"], 4);
  EXPECT_TRUE(config["lora_alpha"].is_number_integer());
  EXPECT_EQ(config["target_modules"], json({"q_proj", "gate_proj"}));
  EXPECT_EQ(config["base_model_name_or_path"], "some/base");
}

TEST_F(PeftFolder, WritesLayersAsPeftDoesAndModulesThatDifferAsAPattern) {
  LoraConfig one_layer{.rank = 4, .targets = {Linear::Q, Linear::Up}};
  one_layer.by_layer = {{}, {Linear::Q, Linear::Up}};
  LoraConfig mixed{.rank = 4, .targets = {Linear::Q, Linear::Down}};
  mixed.by_layer = {{Linear::Q}, {Linear::Q, Linear::Down}};
  for (const LoraConfig& config : {one_layer, mixed}) {
    const LoraWeights lora = random_lora(config);
    save_peft_adapter(folder_, lora, kModel, "base");
    const LoraWeights back = load_peft_adapter(folder_, kModel);
    EXPECT_EQ(back.config.by_layer, config.by_layer);
    EXPECT_EQ(back.config.targets, config.targets);
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t l = 0; l < kLinearsPerLayer; ++l)
        EXPECT_EQ(back.layers[i][l].has_value(), config.has(static_cast<std::int64_t>(i), static_cast<Linear>(l)));
    }
    const json written = parse_json(read_file(folder_ / "adapter_config.json"));
    const bool product = config.targets == one_layer.targets;
    EXPECT_EQ(written["layers_to_transform"], product ? json({1}) : json());
    EXPECT_EQ(written["target_modules"],
              product ? json({"q_proj", "up_proj"})
                      : json(R"(model\.layers\.0\.self_attn\.q_proj|model\.layers\.1\.self_attn\.q_proj|)"
                             R"(model\.layers\.1\.mlp\.down_proj)"));
  }
}

TEST_F(PeftFolder, RefusesNumbersThatAreNotFinite) {
  LoraWeights lora = random_lora({.rank = 4, .targets = {Linear::V}});
  lora.layers[1][static_cast<int>(Linear::V)]->b[3] = NAN;
  save_peft_adapter(folder_, lora, kModel, "base");
  EXPECT_THAT(refusal(), HasSubstr("layers.1.self_attn.v_proj.lora_B.weight\" is not a finite number at index 3"));
}

TEST_F(PeftFolder, RefusesAnAdapterOfAnotherModel) {
  save_peft_adapter(folder_, random_lora({.rank = 4}), kModel, "base");
  LlamaConfig other = kModel;
  other.n_layers = 3;
  EXPECT_THAT(refusal(other), HasSubstr("layers.2.self_attn.q_proj.lora_A.weight\" is missing"));
  other.n_layers = 1;
  EXPECT_THAT(refusal(other), HasSubstr("is not part of this adapter"));
  other = kModel;
  other.intermediate_size = 64;
  EXPECT_THAT(refusal(other), HasSubstr("expected [64, 4]"));
  fs::remove(folder_ / "adapter_config.json");
  EXPECT_THAT(refusal(), HasSubstr("adapter_config.json"));
}

TEST(PeftConfig, RefusesByNameWhatItDoesNotCompute) {
  const json valid = {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"target_modules", {"q_proj"}}};
  EXPECT_NO_THROW((void)parse_peft_config(json_text(valid), "c.json", kModel));
  const std::pair<const char*, json> changes[] = {
      {"peft_type", "IA3"},
      {"r", 0},
      {"r", 2.5},
      {"r", "4"},
      {"r", 1e300},
      {"lora_alpha", 0},
      {"lora_alpha", {}},
      {"use_dora", 1},
      {"use_rslora", "yes"},
      {"bias", "all"},
      {"lora_bias", true},
      {"rank_pattern", {{"q_proj", 8}}},
      {"modules_to_save", {"lm_head"}},
      {"target_modules", {"lm_head"}},
      {"target_modules", "model.layers.7.*"},
      {"target_modules", "(a*)*(a*)*b("},
      {"target_modules", json::array()},
      {"target_modules", {"q_proj", "q_proj"}},
      {"lora_dropout", 2},
      {"layers_to_transform", {0, 2}},
      {"layers_to_transform", -1},
      {"layers_to_transform", "0"},
      {"layers_pattern", "h"},
      {"fan_in_fan_out", true},
  };
  for (const auto& [key, value] : changes) {
    json config = valid;
    config[key] = value;
    EXPECT_THROW((void)parse_peft_config(json_text(config), "c.json", kModel), Error) << key << " = " << value;
  }
  json all = valid;
  all["target_modules"] = "all-linear";
  EXPECT_EQ(parse_peft_config(json_text(all), "c.json", kModel).targets.size(), 7u);
  all["use_rslora"] = all["use_dora"] = true;
  EXPECT_TRUE(parse_peft_config(json_text(all), "c.json", kModel).dora);
  EXPECT_FLOAT_EQ(parse_peft_config(json_text(all), "c.json", kModel).scale(), 4.0f);  // 8 / sqrt(4)
}

TEST(PeftConfig, ReadsPatternsEndsOfNamesAndLayersAsPeftDoes) {
  json config = {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}};
  const auto by_layer = [&] { return parse_peft_config(json_text(config), "c.json", kModel).by_layer; };
  using Layers = std::vector<std::vector<Linear>>;
  config["target_modules"] = R"(.*\.1\..*(q|v)_proj)";
  EXPECT_EQ(by_layer(), (Layers{{}, {Linear::Q, Linear::V}}));
  config["target_modules"] = {"self_attn.k_proj", "model.layers.0.mlp.down_proj"};
  EXPECT_EQ(by_layer(), (Layers{{Linear::K, Linear::Down}, {Linear::K}}));
  config["target_modules"] = {"q_proj", "o_proj"};
  config["layers_to_transform"] = 0;
  EXPECT_EQ(by_layer(), (Layers{{Linear::Q, Linear::O}, {}}));
  config["layers_to_transform"] = {0, 1};
  EXPECT_TRUE(by_layer().empty());  // all layers have the same
}

TEST(PeftConfig, SurvivesTenThousandMutations) {
  const std::string valid =
      R"({"peft_type":"LORA","r":4,"lora_alpha":8,"lora_dropout":0.1,"target_modules":["q_proj"],"bias":"none"})";
  Rng rng(2);
  for (int round = 0; round < 10000; ++round) {
    std::string text = valid;
    for (std::uint64_t edits = 1 + rng.below(3); edits > 0; --edits)
      text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    try {
      (void)parse_peft_config(text, "c.json", kModel);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::Input);
    }
  }
}

}  // namespace
}  // namespace faqsmith
