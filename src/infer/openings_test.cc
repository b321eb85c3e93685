// Beam search against one written plainly over naive logits in float64, and against the engine's own generate and
// score.
#include "infer/openings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "infer/engine.h"
#include "infer/naive_llama.h"
#include "infer/tiny_tokenizer.h"

namespace faqsmith {
namespace {

constexpr TokenId kEnd = 2;

class OpeningsTest : public testing::Test {
 protected:
  OpeningsTest() {
    config_.hidden_size = 48;
    config_.intermediate_size = 80;
    config_.n_layers = 2;
    config_.n_heads = 4;
    config_.n_kv_heads = 2;
    config_.head_dim = 16;
    config_.vocab_size = tokenizer_.vocab_size();
    config_.max_positions = 128;
    config_.tied_embeddings = true;
  }
  Weights weights() const {
    Weights out = random_weights(config_, 17);
    for_each_tensor(out, [](const std::string& name, Buffer<float>& tensor) {
      for (std::int64_t i = 0; i < tensor.size() && name.find("norm") == std::string::npos; ++i) tensor[i] *= 5.0f;
    });
    return out;
  }
  std::unique_ptr<Engine> engine(const EngineOptions& options = {}) const {
    return std::make_unique<Engine>(Cpu{}, weights(), tokenizer_, kEnd, options);
  }
  std::vector<std::vector<TokenId>> prompts(std::size_t n) const {
    Rng rng(5);
    std::vector<std::vector<TokenId>> out(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < 5 + 7 * i; ++k)
        out[i].push_back(static_cast<TokenId>(3 + rng.below(static_cast<std::uint64_t>(config_.vocab_size) - 3)));
    }
    return out;
  }
  // All continuations of every beam, the best kept: no cache, no top-k.
  std::vector<Continuation> naive(const std::vector<TokenId>& prompt, const OpeningsOptions& options) const {
    const Weights w = weights();
    const NaiveLlama model(w);
    struct Path {
      Continuation opening;
      bool greedy;
    };
    std::vector<Path> beams = {{{}, true}};
    for (int step = 0; step < options.length; ++step) {
      std::vector<Path> all;
      for (const Path& beam : beams) {
        if (beam.opening.ended) {
          all.push_back(beam);
          continue;
        }
        std::vector<TokenId> ids = prompt;
        ids.insert(ids.end(), beam.opening.tokens.begin(), beam.opening.tokens.end());
        const auto row = model.logits(ids).back();
        double sum = 0;
        for (const double x : row) sum += std::exp(x);
        const auto best = static_cast<TokenId>(std::max_element(row.begin(), row.end()) - row.begin());
        for (TokenId id = 0; id < tokenizer_.vocab_size(); ++id) {
          Path longer{beam.opening, beam.greedy && id == best};
          longer.opening.log_probability += row[static_cast<std::size_t>(id)] - std::log(sum);
          longer.opening.ended = tokenizer_.is_control(id);
          if (!longer.opening.ended) longer.opening.tokens.push_back(id);
          all.push_back(longer);
        }
      }
      std::stable_sort(all.begin(), all.end(), [](const Path& a, const Path& b) {
        return a.greedy != b.greedy ? a.greedy : a.opening.log_probability > b.opening.log_probability;
      });
      all.resize(std::min(all.size(), static_cast<std::size_t>(options.width)));
      beams = all;
    }
    std::vector<Continuation> out;
    for (const Path& beam : beams) out.push_back(beam.opening);
    return out;
  }

  Tokenizer tokenizer_{tiny_tokenizer_spec()};
  LlamaConfig config_;
};

TEST_F(OpeningsTest, EqualAPlainBeamSearch) {
  const auto all = prompts(3);
  const OpeningsOptions options{.width = 5, .length = 4};
  const auto found = engine()->openings(all, options);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto want = naive(all[i], options);
    ASSERT_EQ(found[i].list.size(), want.size());
    for (std::size_t k = 0; k < want.size(); ++k) {
      EXPECT_EQ(found[i].list[k].tokens, want[k].tokens) << i << " " << k;
      EXPECT_EQ(found[i].list[k].ended, want[k].ended);
      EXPECT_NEAR(found[i].list[k].log_probability, want[k].log_probability, 1e-3);
    }
  }
}

TEST_F(OpeningsTest, BeginWithTheGreedyReplyAndNeverRepeatOne) {
  const auto all = prompts(4);
  const auto one = engine();
  const auto found = one->openings(all, {.width = 6, .length = 10});
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto greedy = one->generate({{.prompt = all[i], .max_tokens = 10, .at_end = AtEnd::Continue}}, {})[0].tokens;
    const Continuation& first = found[i].list.front();
    EXPECT_TRUE(std::equal(first.tokens.begin(), first.tokens.end(), greedy.begin())) << i;
    for (std::size_t k = 0; k < found[i].list.size(); ++k) {
      const Continuation& opening = found[i].list[k];
      for (std::size_t other = 0; other < k; ++other) EXPECT_NE(opening.tokens, found[i].list[other].tokens);
      if (opening.ended) continue;
      const auto score = one->score({{.prompt = all[i], .continuation = opening.tokens}})[0];
      EXPECT_NEAR(opening.log_probability, score.log_probability, 1e-3);
    }
  }
}

TEST_F(OpeningsTest, AFullEngineAndATightCacheChangeNothing) {
  const auto all = prompts(6);
  const auto wide = engine()->openings(all, {.width = 4, .length = 9});
  const std::size_t page = forecast_forward(config_, Compute::F32, {}).page;
  const auto narrow = engine({.max_sequences = 3, .step_rows = 7, .kv_cache_bytes = 6 * page})
                          ->openings(all, {.width = 4, .length = 9});
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(wide[i].list.size(), narrow[i].list.size());
    for (std::size_t k = 0; k < wide[i].list.size(); ++k)
      EXPECT_EQ(wide[i].list[k].tokens, narrow[i].list[k].tokens) << i << " " << k;
  }
}

TEST_F(OpeningsTest, APromptThatDoesNotFitFailsAlone) {
  auto all = prompts(2);
  all.push_back(std::vector<TokenId>(200, 5));
  all.emplace_back();
  const auto found = engine()->openings(all, {});
  EXPECT_FALSE(found[0].list.empty());
  EXPECT_NE(found[2].failure.find("context of 128"), std::string::npos) << found[2].failure;
  EXPECT_EQ(found[3].failure, "the prompt is empty");
}

}  // namespace
}  // namespace faqsmith
