// Beam search over whole replies: against every reply there is (a small vocabulary, few tokens), and against score().
#include "infer/best_replies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "infer/engine.h"
#include "infer/naive_llama.h"
#include "infer/tiny_tokenizer.h"

namespace faqsmith {
namespace {

constexpr TokenId kEnd = 2;

class BestRepliesTest : public testing::Test {
 protected:
  BestRepliesTest() {
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
  // The end of the turn gets a large embedding, so that replies of every length end.
  Weights weights(float end_scale = 1) const {
    Weights out = random_weights(config_, 23);
    for_each_tensor(out, [&](const std::string& name, Buffer<float>& tensor) {
      for (std::int64_t i = 0; i < tensor.size() && name.find("norm") == std::string::npos; ++i) tensor[i] *= 5.0f;
      if (name.find("embed") == std::string::npos) return;
      for (std::int64_t i = 0; i < config_.hidden_size; ++i) tensor[kEnd * config_.hidden_size + i] *= end_scale;
    });
    return out;
  }
  std::unique_ptr<Engine> engine(float end_scale = 1, const EngineOptions& options = {}) const {
    return std::make_unique<Engine>(Cpu{Compute::F32}, weights(end_scale), tokenizer_, kEnd, options);
  }
  std::vector<TokenId> prompt(std::size_t n, std::uint64_t seed) const {
    Rng rng(seed);
    std::vector<TokenId> out;
    for (std::size_t k = 0; k < n; ++k)
      out.push_back(static_cast<TokenId>(3 + rng.below(static_cast<std::uint64_t>(config_.vocab_size) - 3)));
    return out;
  }

  struct Whole {
    std::string text;
    double log_probability = 0;
    int n_tokens = 0;  // the end included
  };
  // Every reply of at most max_tokens tokens that ends.
  std::vector<Whole> all_replies(const std::vector<TokenId>& start, float end_scale, int max_tokens) const {
    const Weights w = weights(end_scale);
    const NaiveLlama model(w);
    std::vector<Whole> out;
    std::vector<Continuation> open = {{}};
    for (int length = 1; length <= max_tokens; ++length) {
      std::vector<Continuation> longer;
      for (const Continuation& path : open) {
        std::vector<TokenId> ids = start;
        ids.insert(ids.end(), path.tokens.begin(), path.tokens.end());
        const auto row = model.logits(ids).back();
        double sum = 0;
        for (const double x : row) sum += std::exp(x);
        for (TokenId id = 0; id < tokenizer_.vocab_size(); ++id) {
          const double log_probability = path.log_probability + row[static_cast<std::size_t>(id)] - std::log(sum);
          if (tokenizer_.is_control(id)) {
            out.push_back({tokenizer_.decode(path.tokens), log_probability, length});
          } else if (length < max_tokens) {
            longer.push_back({.tokens = path.tokens, .log_probability = log_probability});
            longer.back().tokens.push_back(id);
          }
        }
      }
      open = std::move(longer);
    }
    return out;
  }
  // Texts by their score, best first; of one text's token sequences the best counts.
  static std::vector<std::pair<double, std::string>> ranked(const std::vector<Whole>& all, double penalty) {
    std::map<std::string, double> best;
    for (const Whole& reply : all) {
      const double score = reply.log_probability / std::pow(reply.n_tokens, penalty);
      const auto [at, fresh] = best.emplace(reply.text, score);
      if (!fresh) at->second = std::max(at->second, score);
    }
    std::vector<std::pair<double, std::string>> out;
    for (const auto& [text, score] : best) out.emplace_back(score, text);
    std::sort(out.rbegin(), out.rend());
    return out;
  }

  Tokenizer tokenizer_{tiny_tokenizer_spec()};
  LlamaConfig config_;
};

TEST_F(BestRepliesTest, AreTheLikeliestOfAllRepliesThereAre) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto start = prompt(4 + seed * 3, seed);
    const auto all = all_replies(start, 3, 2);
    for (const double penalty : {0.0, 0.7, 1.0}) {
      const auto want = ranked(all, penalty);
      const auto found = engine(3)->best_replies(
          {start},
          {.n = 6, .beams = static_cast<int>(config_.vocab_size), .max_tokens = 2, .length_penalty = penalty})[0];
      ASSERT_EQ(found.failure, "");
      ASSERT_EQ(found.list.size(), 6u);
      for (std::size_t k = 0; k < found.list.size(); ++k) {
        const Continuation& reply = found.list[k];
        EXPECT_TRUE(reply.ended);
        EXPECT_EQ(tokenizer_.decode(reply.tokens), want[k].second) << penalty << " " << seed << " " << k;
        EXPECT_NEAR(reply.log_probability / std::pow(static_cast<double>(reply.log_probabilities.size()), penalty),
                    want[k].first, 1e-3);
      }
    }
  }
}

TEST_F(BestRepliesTest, HaveTheLogProbabilityThatScoreGives) {
  const auto one = engine(3);
  const auto start = prompt(20, 9);
  const auto found = one->best_replies({start}, {.n = 5, .beams = 10, .max_tokens = 30})[0];
  ASSERT_EQ(found.list.size(), 5u);
  double before = 0;
  for (const Continuation& reply : found.list) {
    std::vector<TokenId> continuation = reply.tokens;
    if (reply.ended) continuation.push_back(kEnd);
    const double score = one->score({{.prompt = start, .continuation = continuation}})[0].log_probability;
    EXPECT_GE(reply.log_probability, score - 1e-3);  // another control token may be the likelier end
    EXPECT_LE(reply.log_probability, before);
    before = reply.log_probability;
    double sum = 0;
    for (const double part : reply.log_probabilities) sum += part;
    EXPECT_NEAR(sum, reply.log_probability, 1e-9);
    EXPECT_EQ(reply.log_probabilities.size(), reply.tokens.size() + (reply.ended ? 1 : 0));
  }
}

TEST_F(BestRepliesTest, CutRepliesComeAfterWholeOnesAndOnlyToFillTheList) {
  // Nothing ends: all four are cut at their five tokens.
  const auto found = engine(0)->best_replies({prompt(8, 2)}, {.n = 4, .max_tokens = 5})[0];
  ASSERT_EQ(found.list.size(), 4u);
  bool cut = false;
  for (const Continuation& reply : found.list) {
    if (!reply.ended) {
      cut = true;
      EXPECT_EQ(reply.tokens.size(), 5u);
    }
    EXPECT_TRUE(!cut || !reply.ended);
  }
  EXPECT_TRUE(cut);
}

TEST_F(BestRepliesTest, AFullEngineAndATightCacheChangeNothing) {
  std::vector<std::vector<TokenId>> all;
  for (std::uint64_t i = 0; i < 5; ++i) all.push_back(prompt(5 + 8 * i, 50 + i));
  const BestRepliesOptions options{.n = 3, .beams = 5, .max_tokens = 12};
  const auto wide = engine(2)->best_replies(all, options);
  const std::size_t page = forecast_forward(config_, Compute::F32, {}).page;
  const auto narrow =
      engine(2, {.max_sequences = 3, .step_rows = 7, .kv_cache_bytes = 6 * page})->best_replies(all, options);
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(wide[i].list.size(), narrow[i].list.size());
    for (std::size_t k = 0; k < wide[i].list.size(); ++k)
      EXPECT_EQ(wide[i].list[k].tokens, narrow[i].list[k].tokens) << i << " " << k;
  }
}

TEST_F(BestRepliesTest, BadOptionsAreRefusedByNameAndALongPromptFailsAlone) {
  const auto message = [](const BestRepliesOptions& options) -> std::string {
    try {
      validate(options);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(message({.n = 0}).find("n-best"), std::string::npos);
  EXPECT_NE(message({.n = 1'000'000}).find("n-best"), std::string::npos);
  EXPECT_NE(message({.beams = -1}).find("beams"), std::string::npos);
  EXPECT_NE(message({.max_tokens = 0}).find("max_tokens"), std::string::npos);
  EXPECT_NE(message({.length_penalty = std::nan("")}).find("length_penalty"), std::string::npos);
  const auto found = engine()->best_replies({prompt(6, 1), prompt(200, 1), {}}, {.n = 2, .max_tokens = 4});
  EXPECT_EQ(found[0].list.size(), 2u);
  EXPECT_NE(found[1].failure.find("context of 128"), std::string::npos) << found[1].failure;
  EXPECT_EQ(found[2].failure, "the prompt is empty");
}

}  // namespace
}  // namespace faqsmith
