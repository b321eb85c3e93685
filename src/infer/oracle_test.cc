// Greedy tokens of tiny models of each Llama family equal PyTorch's (tests/golden/train_*.json, written by
// tools/oracle/train_oracle.py).
#include <gtest/gtest.h>

#include "infer/engine.h"
#include "infer/tiny_tokenizer.h"
#include "model/golden_model_test.h"

namespace faqsmith {
namespace {

// A vocabulary of single characters, as many as the model has rows.
TokenizerSpec letters(std::int64_t n) {
  TokenizerSpec spec = tiny_tokenizer_spec();
  spec.tokens.resize(static_cast<std::size_t>(n));
  spec.token_types.resize(static_cast<std::size_t>(n));
  spec.merges.clear();
  return spec;
}

class Oracle : public testing::TestWithParam<const char*> {};

TEST_P(Oracle, GreedyTokensEqualPyTorch) {
  const GoldenModel golden(GetParam());
  Weights weights = golden.weights();
  const Tokenizer tokenizer(letters(weights.config.vocab_size));
  Engine engine(Cpu{Compute::F32}, std::move(weights), tokenizer, tokenizer.eos(), {});
  const std::vector<TokenId> expected = golden.info()["greedy"];
  ASSERT_EQ(expected.size(), 64u);
  const auto result = engine.generate(
      {{.prompt = golden.info()["prompt"].get<std::vector<TokenId>>(), .max_tokens = 64, .at_end = AtEnd::Continue}},
      {});
  EXPECT_EQ(result[0].tokens, expected);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Oracle,
                         testing::Values("mha_tied", "mha_untied", "gqa_tied", "gqa_untied", "bias", "wide_heads",
                                         "rope_linear", "rope_llama3", "rope_yarn", "window"));

}  // namespace
}  // namespace faqsmith
