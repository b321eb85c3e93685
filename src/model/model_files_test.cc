// Builders and comparisons that the tests of model files share.
#include "model/model_files_test.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

namespace faqsmith {
namespace {

RopeScaling scaling(RopeScaling::Kind kind, float factor, std::int64_t original_positions = 0) {
  RopeScaling out;
  out.kind = kind;
  out.factor = factor;
  out.original_positions = original_positions;
  return out;
}

}  // namespace

LlamaConfig small_config(bool tied) {
  LlamaConfig config;
  config.hidden_size = 32;
  config.intermediate_size = 64;
  config.n_layers = 2;
  config.n_heads = 4;
  config.n_kv_heads = 2;
  config.head_dim = 8;
  config.vocab_size = 19;
  config.max_positions = 64;
  config.rope_theta = 100000.0f;
  config.rms_norm_eps = 1e-5f;
  config.tied_embeddings = tied;
  return config;
}

TokenizerSpec small_tokenizer() {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "smollm";
  spec.tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "t", "h", "e", "th", "the"};
  for (char letter = 'i'; spec.tokens.size() < 19; ++letter) spec.tokens.emplace_back(1, letter);
  spec.token_types.assign(19, 1);
  for (std::size_t id = 0; id < 3; ++id) spec.token_types[id] = 3;
  spec.merges = {"t h", "th e"};
  spec.bos = 1;
  spec.eos = 2;
  spec.pad = 2;
  spec.unknown = 0;
  spec.chat_template = "{{ messages }}";
  return spec;
}

std::vector<std::string> plain_tokens(std::size_t n) {
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < n; ++i) tokens.push_back(fmt::format("t{}", i));
  return tokens;
}

fs::path test_folder(const std::string& what) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  fs::path folder = fs::path(testing::TempDir()) / fmt::format("faqsmith_{}_{}", what, test->name());
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

std::vector<std::pair<std::string, LlamaConfig>> every_kind(Format format) {
  using enum RopeScaling::Kind;
  std::vector<std::pair<std::string, LlamaConfig>> out;
  const auto add = [&](const char* name, const auto& change) {
    LlamaConfig config = small_config(out.size() % 2 == 0);
    change(config);
    out.emplace_back(name, config);
  };
  add("tied", [](LlamaConfig&) {});
  add("untied", [](LlamaConfig&) {});
  add("attention_bias", [](LlamaConfig& c) { c.attention_bias = true; });
  add("mlp_bias", [](LlamaConfig& c) { c.mlp_bias = true; });
  add("both_biases", [](LlamaConfig& c) { c.attention_bias = c.mlp_bias = true; });
  add("wide_heads", [](LlamaConfig& c) { c.head_dim = 14; });
  add("one_kv_head", [](LlamaConfig& c) { c.n_kv_heads = 1; });
  add("linear", [](LlamaConfig& c) { c.rope_scaling = scaling(Linear, 4); });
  add("dynamic", [](LlamaConfig& c) { c.rope_scaling = scaling(Dynamic, 2); });
  add("llama31", [](LlamaConfig& c) { c.rope_scaling = scaling(Llama3, 8, 8192); });
  add("llama32", [](LlamaConfig& c) { c.rope_scaling = scaling(Llama3, 32, 8192); });
  add("llama3_own", [](LlamaConfig& c) {
    c.rope_scaling = scaling(Llama3, 3.3f, 20);
    c.rope_scaling.low_freq_factor = 0.7f;
    c.rope_scaling.high_freq_factor = 5.5f;
  });
  add("yarn", [](LlamaConfig& c) { c.rope_scaling = scaling(Yarn, 4, 16); });
  add("yarn_own", [](LlamaConfig& c) {
    c.rope_scaling = scaling(Yarn, 2.7f, 24);
    c.rope_scaling.beta_fast = 20.5f;
    c.rope_scaling.beta_slow = 0.3f;
    c.rope_scaling.attention_factor = 0.987654f;
  });
  add("window", [](LlamaConfig& c) { c.sliding_window = 24; });
  if (format == Format::HuggingFace) {
    add("yarn_exact", [](LlamaConfig& c) {
      c.rope_scaling = scaling(Yarn, 4, 16);
      c.rope_scaling.truncate = false;
    });
  } else {
    add("factors", [](LlamaConfig& c) {
      c.rope_scaling = scaling(Factors, 1);
      c.rope_scaling.factors = {1.0f, 1.5f, 2.25f, 7.0f};
    });
    add("window_and_biases", [](LlamaConfig& c) {
      c.sliding_window = 24;
      c.attention_bias = true;
    });
  }
  return out;
}

std::string refusal_of(const fs::path& path) {
  const auto refusal = [&](Residency residency) -> std::string {
    try {
      (void)load_model(path, HashFile::Yes, residency);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::Input) << e.what();
      EXPECT_NE(e.hint(), "");
      return e.what();
    }
    return "accepted";
  };
  std::string said = refusal(Residency::Float32);
  EXPECT_EQ(refusal(Residency::AsStored), said);
  return said;
}

void expect_equal(const Weights& a, const Weights& b, float relative_bound) {
  EXPECT_EQ(a.config, b.config);
  std::vector<const Buffer<float>*> others;
  for_each_tensor(b, [&](const std::string&, const Buffer<float>& tensor) { others.push_back(&tensor); });
  std::size_t n = 0;
  for_each_tensor(a, [&](const std::string& name, const Buffer<float>& tensor) {
    const Buffer<float>& other = *others.at(n++);
    ASSERT_EQ(tensor.shape(), other.shape()) << name;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      ASSERT_LE(std::abs(tensor[i] - other[i]),
                relative_bound * std::abs(tensor[i]) + (relative_bound > 0 ? 0x1p-25f : 0.0f))
          << name << " " << i;
    }
  });
  EXPECT_EQ(n, others.size());
}

void expect_same_tokenizer(const TokenizerSpec& a, const TokenizerSpec& b) {
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.pre, b.pre);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.token_types, b.token_types);
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.bos, b.bos);
  EXPECT_EQ(a.eos, b.eos);
  EXPECT_EQ(a.pad, b.pad);
  EXPECT_EQ(a.unknown, b.unknown);
  EXPECT_EQ(a.add_bos, b.add_bos);
  EXPECT_EQ(a.chat_template, b.chat_template);
}

}  // namespace faqsmith
