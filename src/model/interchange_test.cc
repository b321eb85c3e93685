// Files for and from other tools: tests/model_files_test.py names a folder, this writes one file of each kind there (or
// reads those that the PyPI packages wrote) and the script compares. Without the folder there is nothing to do.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json_text.h"
#include "formats/safetensors.h"
#include "model/gguf_types.h"
#include "model/lora.h"
#include "model/tokenizer_files_save.h"
#include "model/weights.h"
#include "model/weights_hf.h"

namespace faqsmith {
namespace {

const LlamaConfig kModel = {.hidden_size = 64,
                            .intermediate_size = 96,
                            .n_layers = 2,
                            .n_heads = 4,
                            .n_kv_heads = 2,
                            .head_dim = 16,
                            .vocab_size = 260,
                            .max_positions = 128,
                            .tied_embeddings = false};

TokenizerSpec tokenizer() {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "smollm";
  for (int i = 0; i < 260; ++i) spec.tokens.push_back(fmt::format("<{}>", i));
  spec.token_types.assign(260, 1);
  spec.tokens[3] = "<";
  spec.tokens[4] = "1";
  spec.tokens[5] = "<1";
  spec.merges = {"< 1"};
  spec.bos = 1;
  spec.eos = 2;
  spec.chat_template = "{{ messages }}";
  return spec;
}

constexpr GgufFloat kAllKinds[] = {GgufFloat::F32,  GgufFloat::F16,  GgufFloat::BF16,
                                   GgufFloat::Q8_0, GgufFloat::Q4_0, GgufFloat::Q4_K};

// Rows of whole super-blocks, so that K-quants need no other type.
LlamaConfig wide_model() {
  LlamaConfig config = kModel;
  config.hidden_size = 256;
  config.intermediate_size = 512;
  config.n_heads = 4;
  config.head_dim = 64;
  config.n_layers = 8;
  return config;
}

std::string all_values(const Weights& weights) {
  std::string out;
  for_each_tensor(weights, [&](const std::string&, const Buffer<float>& tensor) {
    out.append(reinterpret_cast<const char*>(tensor.data()), static_cast<std::size_t>(tensor.size()) * sizeof(float));
  });
  return out;
}

TEST(Interchange, WritesOneFileOfEachKind) {
  const char* folder_name = std::getenv("FAQSMITH_WRITE_FILES");
  if (!folder_name) GTEST_SKIP() << "run by tests/model_files_test.py";
  const fs::path folder = folder_name;
  const Weights weights = random_weights(kModel, 42);
  for (const GgufFloat kind : kAllKinds)
    save_gguf(folder / fmt::format("{}.gguf", gguf_kind_name(kind)), weights, tokenizer(), "Interchange", kind);
  std::vector<SafeTensorToWrite> tensors;
  for_each_tensor(weights, [&](const std::string& name, const Buffer<float>& tensor) {
    const Shape& shape = tensor.shape();
    tensors.push_back({name,
                       {shape.dims.begin(), shape.dims.begin() + shape.rank},
                       {tensor.data(), static_cast<std::size_t>(tensor.size())}});
  });
  write_safetensors(folder / "f32.safetensors", tensors, SafeFloat::F32, {{"format", "pt"}});
  write_safetensors(folder / "f16.safetensors", tensors, SafeFloat::F16, {{"format", "pt"}});
  write_file_atomic(folder / "values.f32", all_values(weights));
  Rng rng(7);
  save_peft_adapter(folder / "adapter", init_lora(kModel, {.rank = 4}, rng), kModel, "base");
}

// The same model in every form whose rows are whole super-blocks, and its values.
TEST(Interchange, WritesWideFilesOfEachKind) {
  const char* folder_name = std::getenv("FAQSMITH_WRITE_FILES");
  if (!folder_name) GTEST_SKIP() << "run by tests/model_files_test.py";
  const fs::path folder = folder_name;
  const Weights weights = random_weights(wide_model(), 43);
  for (const GgufFloat kind : kAllKinds)
    save_gguf(folder / fmt::format("wide-{}.gguf", gguf_kind_name(kind)), weights, tokenizer(), "Wide", kind);
}

// A small model that says something, adapters of each kind as files, and the model with each merged: for
// tests/adapter_files_test.py.
TEST(Interchange, WritesAdaptersAndMergedModels) {
  const char* folder_name = std::getenv("FAQSMITH_WRITE_FILES");
  if (!folder_name) GTEST_SKIP() << "run by tests/adapter_files_test.py";
  const fs::path folder = folder_name;
  const auto base = [] {
    Weights weights = random_weights(kModel, 42);
    for_each_tensor(weights, [](const std::string& name, Buffer<float>& tensor) {
      if (name.ends_with("norm.weight")) return;
      for (std::int64_t i = 0; i < tensor.size(); ++i) tensor[i] *= 6;
    });
    return weights;
  };
  save_gguf(folder / "base.gguf", base(), tokenizer(), "Base", GgufFloat::F32);
  for (const bool rslora : {false, true}) {
    Rng rng(8);
    LoraWeights lora = init_lora(kModel, {.rank = 8, .alpha = 12, .rslora = rslora}, rng);
    for (auto& layer : lora.layers) {
      for (auto& pair : layer) {
        for (std::int64_t i = 0; i < pair->b.size(); ++i) pair->b[i] = static_cast<float>(0.1 * rng.normal());
      }
    }
    const std::string kind = rslora ? "rslora" : "lora";
    save_gguf_adapter(folder / (kind + ".gguf"), lora, kModel, kind);
    Weights merged = base();
    merge_lora(merged, lora);
    save_gguf(folder / (kind + "-merged.gguf"), merged, tokenizer(), "Merged", GgufFloat::F32);
  }
}

// A seeded adapter that changes what a real model says, as PEFT's folder and merged into the model: for
// tools/oracle/export_parity.py, which has PEFT apply the one and llama.cpp run the other.
TEST(Interchange, MergesASeededAdapter) {
  const char* base = std::getenv("FAQSMITH_MERGE_BASE");
  const char* folder_name = std::getenv("FAQSMITH_WRITE_FILES");
  if (!base || !folder_name) GTEST_SKIP() << "run by tools/oracle/export_parity.py";
  const fs::path folder = folder_name;
  ModelFile model = load_model(base, HashFile::No);
  Rng rng(2026);
  const char* kind = std::getenv("FAQSMITH_ADAPTER_KIND");  // lora, rslora, dora
  const bool rslora = kind && std::string_view(kind) == "rslora", dora = kind && std::string_view(kind) == "dora";
  LoraWeights lora =
      init_lora(model.weights.config, {.rank = 8, .alpha = rslora ? 6.0f : 16.0f, .rslora = rslora, .dora = dora}, rng);
  init_magnitudes(model.weights, lora);
  constexpr double kSpread = 0.1;  // enough to change most answers, little enough to leave them language
  for (auto& layer : lora.layers) {
    for (auto& pair : layer) {
      for (std::int64_t i = 0; i < pair->b.size(); ++i) pair->b[i] = static_cast<float>(kSpread * rng.normal());
    }
  }
  save_peft_adapter(folder / "adapter", lora, model.weights.config, model.name);
  if (!dora) save_gguf_adapter(folder / "adapter.gguf", lora, model.weights.config, model.name);
  save_gguf(folder / "base-f32.gguf", model.weights, model.tokenizer, model.name, GgufFloat::F32);
  merge_lora(model.weights, lora);
  for (const GgufFloat type : kAllKinds) {
    save_gguf(folder / fmt::format("merged-{}.gguf", gguf_kind_name(type)), model.weights, model.tokenizer, model.name,
              type);
  }
  for (const SafeFloat type : {SafeFloat::F32, SafeFloat::BF16}) {
    const fs::path copy = folder / (type == SafeFloat::F32 ? "merged-hf-f32" : "merged-hf-bf16");
    save_hf_folder(copy, model.weights, model.tokenizer,
                   {.type = type, .max_shard_bytes = 100'000'000, .name = model.name});
    ASSERT_TRUE(save_hf_tokenizer(copy, model.tokenizer));
  }
}

nlohmann::json shape_of(const LlamaConfig& c) {
  const RopeScaling& s = c.rope_scaling;
  return {{"heads", c.n_heads},
          {"kv_heads", c.n_kv_heads},
          {"head_dim", c.head_dim},
          {"positions", c.max_positions},
          {"theta", c.rope_theta},
          {"eps", c.rms_norm_eps},
          {"tied", c.tied_embeddings},
          {"attention_bias", c.attention_bias},
          {"mlp_bias", c.mlp_bias},
          {"window", c.sliding_window},
          {"rope",
           {static_cast<int>(s.kind), s.factor, s.original_positions, s.low_freq_factor, s.high_freq_factor,
            s.beta_fast, s.beta_slow, s.attention_factor, s.truncate, s.factors}}};
}

// Copies in both formats: a folder of bf16 shards with its tokenizer, and a GGUF file. Not where a format has no words.
void write_copies(const fs::path& path, const ModelFile& model) {
  const LlamaConfig& config = model.weights.config;
  const bool foreign = config.rope_scaling.kind == RopeScaling::Kind::Factors ||
                       (config.sliding_window > 0 && (config.attention_bias || config.mlp_bias));
  if (!foreign) {
    const fs::path copy = path.string() + ".copy";
    save_hf_folder(copy, model.weights, model.tokenizer,
                   {.type = SafeFloat::BF16, .max_shard_bytes = 60000, .name = "copy"});
    EXPECT_TRUE(save_hf_tokenizer(copy, model.tokenizer));
    EXPECT_EQ(load_model(copy).weights.config, config) << copy;
  }
  if (!config.rope_scaling.truncate) return;
  const fs::path copy = path.string() + ".copy.gguf";
  save_gguf(copy, model.weights, model.tokenizer, "copy", GgufFloat::F32);
  const ModelFile again = load_model(copy);
  EXPECT_EQ(again.weights.config, config) << copy;
  EXPECT_TRUE(all_values(again.weights) == all_values(model.weights)) << copy;
}

// Each line of `list` is a model (file or folder) beside it, whose values stand in <model>.f32. What was read of its
// shape goes to <model>.shape, copies to <model>.copy and <model>.copy.gguf.
TEST(Interchange, ReadsWhatOtherToolsWrote) {
  const char* folder_name = std::getenv("FAQSMITH_READ_FILES");
  if (!folder_name) GTEST_SKIP() << "run by tests/model_files_test.py";
  const fs::path folder = folder_name;
  std::istringstream list(read_file(folder / "list"));
  int n_models = 0;
  for (std::string name; std::getline(list, name); ++n_models) {
    const fs::path path = folder / name;
    const ModelFile model = load_model(path);
    EXPECT_TRUE(all_values(model.weights) == read_file(path.string() + ".f32")) << name;
    EXPECT_EQ(read_model_info(path).config, model.weights.config) << name;
    write_file_atomic(path.string() + ".shape", json_text(shape_of(model.weights.config)));
    write_copies(path, model);
  }
  EXPECT_GT(n_models, 0);
}

}  // namespace
}  // namespace faqsmith
