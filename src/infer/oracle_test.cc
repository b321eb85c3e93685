// Greedy tokens of four tiny Llamas equal PyTorch's (tests/golden/train_*.json, written by
// tools/oracle/train_oracle.py).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "formats/safetensors.h"
#include "infer/engine.h"
#include "infer/tiny_tokenizer.h"
#include "sys/file.h"

namespace faqsmith {
namespace {

using Json = nlohmann::json;

// A vocabulary of single characters, as many as the model has rows.
TokenizerSpec letters(std::int64_t n) {
  TokenizerSpec spec = tiny_tokenizer_spec();
  spec.tokens.resize(static_cast<std::size_t>(n));
  spec.token_types.resize(static_cast<std::size_t>(n));
  spec.merges.clear();
  return spec;
}

LlamaConfig read_config(const Json& json) {
  LlamaConfig config;
  config.hidden_size = json["hidden_size"];
  config.intermediate_size = json["intermediate_size"];
  config.n_layers = json["n_layers"];
  config.n_heads = json["n_heads"];
  config.n_kv_heads = json["n_kv_heads"];
  config.head_dim = json["head_dim"];
  config.vocab_size = json["vocab_size"];
  config.max_positions = json["max_positions"];
  config.rope_theta = json["rope_theta"];
  config.rms_norm_eps = json["rms_norm_eps"];
  config.tied_embeddings = json["tied_embeddings"];
  return config;
}

class Oracle : public testing::TestWithParam<const char*> {};

TEST_P(Oracle, GreedyTokensEqualPyTorch) {
  const fs::path stem = fs::path(FAQSMITH_SOURCE_DIR) / "tests/golden" / (std::string("train_") + GetParam());
  const Json golden = Json::parse(read_file(stem.string() + ".json"));
  const SafetensorsFile tensors(stem.string() + ".safetensors");
  Weights weights = allocate_weights(read_config(golden["config"]));
  for_each_tensor(weights, [&](const std::string& name, Buffer<float>& out) {
    const SafeTensor* tensor = tensors.find_tensor("weight." + name);
    ASSERT_NE(tensor, nullptr) << name;
    ASSERT_EQ(tensor->n_elements, out.size()) << name;
    tensors.read_floats(*tensor, out.data());
  });
  const Tokenizer tokenizer(letters(weights.config.vocab_size));
  Engine engine(Cpu{Compute::F32}, std::move(weights), tokenizer, tokenizer.eos(), {});
  const std::vector<TokenId> expected = golden["greedy"];
  ASSERT_EQ(expected.size(), 64u);
  const auto result = engine.generate(
      {{.prompt = golden["prompt"].get<std::vector<TokenId>>(), .max_tokens = 64, .at_end = AtEnd::Continue}}, {});
  EXPECT_EQ(result[0].tokens, expected);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Oracle, testing::Values("mha_tied", "mha_untied", "gqa_tied", "gqa_untied"));

}  // namespace
}  // namespace faqsmith
