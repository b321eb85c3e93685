// llama.cpp's adapter files, there and back, and what is refused by name. That llama.cpp itself computes the same with
// them is checked by tests/adapter_files_test.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "formats/gguf.h"
#include "model/lora.h"
#include "model/weights_gguf.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;

LlamaConfig small() {
  return {.hidden_size = 32,
          .intermediate_size = 48,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 8,
          .vocab_size = 50,
          .max_positions = 64};
}

class LoraGguf : public testing::Test {
 protected:
  LoraGguf()
      : path_(fs::path(testing::TempDir()) /
              (std::string("faqsmith_lora_gguf_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~LoraGguf() override { fs::remove(path_); }
  static LoraWeights adapter(const LoraConfig& config) {
    Rng rng(3);
    LoraWeights lora = init_lora(small(), config, rng);
    for (auto& layer : lora.layers) {
      for (auto& pair : layer) {
        if (!pair) continue;
        for (std::int64_t i = 0; i < pair->b.size(); ++i) pair->b[i] = static_cast<float>(rng.normal());
      }
    }
    return lora;
  }
  // Writes a file by hand: keys, then tensors of ones.
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> dims;
  };
  void write(const std::function<void(GgufWriter&)>& keys, const std::vector<Tensor>& tensors) const {
    GgufWriter out;
    keys(out);
    for (const Tensor& tensor : tensors) out.add_tensor(tensor.name, tensor.dims, GgmlType::F32);
    out.begin(path_);
    for (const Tensor& tensor : tensors)
      out.write_tensor(std::vector<float>(static_cast<std::size_t>(tensor.dims[0] * tensor.dims[1]), 1.0f));
    out.finish();
  }
  [[nodiscard]] std::string refusal() const {
    try {
      (void)load_adapter(path_, small());
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }
  fs::path path_;
};

void adapter_keys(GgufWriter& out) {
  out.add_string("general.architecture", "llama");
  out.add_string("general.type", "adapter");
  out.add_string("adapter.type", "lora");
  out.add_float32("adapter.lora.alpha", 8);
}

TEST_F(LoraGguf, ComesBackBitForBit) {
  const LoraWeights lora = adapter({.rank = 4, .alpha = 8, .targets = {Linear::Q, Linear::V, Linear::Down}});
  save_gguf_adapter(path_, lora, small(), "t");
  const LoraWeights again = load_adapter(path_, small());
  EXPECT_EQ(again.config.rank, 4);
  EXPECT_EQ(again.config.alpha, 8);
  EXPECT_EQ(again.config.targets, lora.config.targets);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
      ASSERT_EQ(again.layers[i][l].has_value(), lora.layers[i][l].has_value());
      if (!again.layers[i][l]) continue;
      const auto &a = *lora.layers[i][l], &b = *again.layers[i][l];
      EXPECT_TRUE(std::equal(a.a.data(), a.a.data() + a.a.size(), b.a.data()));
      EXPECT_TRUE(std::equal(a.b.data(), a.b.data() + a.b.size(), b.b.data()));
    }
  }
}

TEST_F(LoraGguf, RowsOfQStandInTheOrderOfGguf) {
  const LoraWeights lora = adapter({.rank = 4, .alpha = 8, .targets = {Linear::Q, Linear::V}});
  save_gguf_adapter(path_, lora, small(), "t");
  const GgufFile file(path_);
  const auto value = [&](const char* name, std::int64_t row, std::int64_t r) {
    const auto bytes = file.data(*file.find_tensor(name));
    return reinterpret_cast<const float*>(bytes.data())[row * 4 + r];
  };
  const LoraPair& q = *lora.layers[1][static_cast<int>(Linear::Q)];
  const LoraPair& v = *lora.layers[1][static_cast<int>(Linear::V)];
  for (std::int64_t row = 0; row < 16; ++row) {
    EXPECT_EQ(value("blk.1.attn_q.weight.lora_b", gguf_row(row, 8), 2), q.b[row * 4 + 2]);
    EXPECT_EQ(value("blk.1.attn_v.weight.lora_b", row, 2), v.b[row * 4 + 2]);
  }
}

TEST_F(LoraGguf, ARankStabilisedScaleIsFoldedIntoAlpha) {
  const LoraWeights lora = adapter({.rank = 16, .alpha = 8, .rslora = true, .targets = {Linear::Q}});
  save_gguf_adapter(path_, lora, small(), "t");
  const LoraWeights again = load_adapter(path_, small());
  EXPECT_FALSE(again.config.rslora);
  EXPECT_FLOAT_EQ(again.config.alpha, 32);
  EXPECT_FLOAT_EQ(again.config.scale(), lora.config.scale());
}

TEST_F(LoraGguf, DoraIsRefusedByName) {
  try {
    save_gguf_adapter(path_, adapter({.rank = 2, .dora = true}), small(), "t");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::User);
    EXPECT_THAT(e.what(), HasSubstr("DoRA"));
  }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(LoraGguf, AnAdapterOfAnotherBaseIsRefusedByTensor) {
  save_gguf_adapter(path_, adapter({.rank = 2, .targets = {Linear::Gate}}), small(), "t");
  LlamaConfig wider = small();
  wider.intermediate_size = 64;
  try {
    (void)load_adapter(path_, wider);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("\"blk.0.ffn_gate.weight.lora_b\" is [2, 48], but the base model needs [2, 64]"));
  }
  LlamaConfig shallower = small();
  shallower.n_layers = 1;
  EXPECT_THROW((void)load_adapter(path_, shallower), Error);
}

TEST_F(LoraGguf, RefusesWhatItDoesNotComputeByName) {
  const Tensor a{"blk.0.attn_q.weight.lora_a", {32, 2}}, b{"blk.0.attn_q.weight.lora_b", {2, 32}};
  write([](GgufWriter& out) { out.add_string("general.architecture", "llama"); }, {a, b});
  EXPECT_THAT(refusal(), HasSubstr("is no adapter"));
  write(
      [](GgufWriter& out) {
        out.add_string("general.architecture", "qwen2");
        out.add_string("general.type", "adapter");
        out.add_string("adapter.type", "lora");
      },
      {a, b});
  EXPECT_THAT(refusal(), HasSubstr("\"qwen2\""));
  write(
      [](GgufWriter& out) {
        out.add_string("general.architecture", "llama");
        out.add_string("general.type", "adapter");
        out.add_string("adapter.type", "control_vector");
      },
      {a, b});
  EXPECT_THAT(refusal(), HasSubstr("control_vector"));
  write(adapter_keys, {a});
  EXPECT_THAT(refusal(), HasSubstr("\"blk.0.attn_q.weight.lora_b\" is missing"));
  write(adapter_keys, {b});
  EXPECT_THAT(refusal(), HasSubstr("\"blk.0.attn_q.weight.lora_a\" is missing"));
  write(adapter_keys, {a, b, {"token_embd.weight.lora_a", {2, 50}}});
  EXPECT_THAT(refusal(), HasSubstr("\"token_embd.weight.lora_a\" is no adapter of a linear"));
  write(adapter_keys, {a, b, {"blk.1.attn_q.weight.lora_a", {32, 3}}, {"blk.1.attn_q.weight.lora_b", {3, 32}}});
  EXPECT_THAT(refusal(), HasSubstr("has rank 3, others have 2"));
  write(adapter_keys, {});
  EXPECT_THAT(refusal(), HasSubstr("no adapter tensors"));
}

TEST_F(LoraGguf, SomeLayersMayHaveOtherLinearsThanOthers) {
  LoraConfig config{.rank = 2, .targets = {Linear::Q, Linear::Down}};
  config.by_layer = {{Linear::Q}, {Linear::Q, Linear::Down}};
  save_gguf_adapter(path_, adapter(config), small(), "t");
  const LoraWeights again = load_adapter(path_, small());
  EXPECT_EQ(again.config.targets, config.targets);
  EXPECT_EQ(again.config.by_layer, config.by_layer);
  EXPECT_FALSE(again.layers[0][static_cast<int>(Linear::Down)].has_value());
  EXPECT_TRUE(again.layers[1][static_cast<int>(Linear::Down)].has_value());
}

TEST_F(LoraGguf, AFolderIsKnownByWhatItHolds) {
  const fs::path workspace = fs::path(testing::TempDir()) / "faqsmith_lora_gguf_workspace";
  fs::remove_all(workspace);
  const LoraWeights lora = adapter({.rank = 2, .alpha = 3, .targets = {Linear::O}});
  save_peft_adapter(workspace / "export" / "adapter", lora, small(), "base");
  for (const fs::path& path : {workspace, workspace / "export", workspace / "export" / "adapter"})
    EXPECT_EQ(load_adapter(path, small()).config.alpha, 3);
  try {
    (void)load_adapter(fs::path(testing::TempDir()) / "faqsmith_no_such_adapter", small());
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("is no adapter"));
  }
  fs::remove_all(workspace);
}

}  // namespace
}  // namespace faqsmith
