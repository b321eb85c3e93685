// The engine against plain float64 recomputation, and against itself: alone, in a batch, shared, in small steps.
#include "infer/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "infer/naive_llama.h"
#include "infer/tiny_tokenizer.h"

namespace faqsmith {
namespace {

constexpr TokenId kEnd = 2;

LlamaConfig tiny_config(TokenId vocab, std::int64_t kv_heads = 2, bool tied = true) {
  LlamaConfig config;
  config.hidden_size = 48;
  config.intermediate_size = 80;
  config.n_layers = 3;
  config.n_heads = 4;
  config.n_kv_heads = kv_heads;
  config.head_dim = 16;
  config.vocab_size = vocab;
  config.max_positions = 512;
  config.tied_embeddings = tied;
  return config;
}

// Weights large enough that attention matters and two logits are rarely close.
Weights tiny_weights(const LlamaConfig& config, std::uint64_t seed) {
  Weights weights = random_weights(config, seed);
  for_each_tensor(weights, [](const std::string& name, Buffer<float>& tensor) {
    if (name.find("norm") != std::string::npos) return;
    for (std::int64_t i = 0; i < tensor.size(); ++i) tensor[i] *= 6.0f;
  });
  return weights;
}

class EngineTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> engine(const EngineOptions& options = {}, Compute compute = Compute::F32) {
    return std::make_unique<Engine>(Cpu{compute}, tiny_weights(config, 17), tokenizer, kEnd, options);
  }
  std::vector<TokenId> random_prompt(std::size_t n, Rng& rng) const {
    std::vector<TokenId> ids(n);
    for (auto& id : ids)
      id = static_cast<TokenId>(3 + rng.below(static_cast<std::uint64_t>(tokenizer.vocab_size()) - 3));
    return ids;
  }
  GenerateJob greedy(std::vector<TokenId> prompt, int n = 24) const {
    return {.prompt = std::move(prompt), .max_tokens = n, .at_end = AtEnd::Continue};
  }
  std::vector<TokenId> naive_greedy(const Weights& weights, std::vector<TokenId> ids, std::size_t n) const {
    const NaiveLlama naive(weights);
    std::vector<TokenId> out;
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = naive.logits(ids).back();
      out.push_back(
          static_cast<TokenId>(std::max_element(row.begin(), row.begin() + tokenizer.vocab_size()) - row.begin()));
      ids.push_back(out.back());
    }
    return out;
  }
  // 17 prompts of mixed lengths, some of them sharing beginnings of many lengths.
  std::vector<GenerateJob> mixed_jobs() const {
    Rng rng(33);
    const auto common = random_prompt(70, rng);
    std::vector<GenerateJob> jobs;
    for (std::size_t i = 0; i < 17; ++i) {
      std::vector<TokenId> prompt(common.begin(),
                                  common.begin() + static_cast<std::ptrdiff_t>(i % 3 == 0 ? 0 : 5 + i * 4));
      const auto own = random_prompt(1 + i * 7 % 40, rng);
      prompt.insert(prompt.end(), own.begin(), own.end());
      jobs.push_back(greedy(std::move(prompt), 8 + static_cast<int>(i)));
    }
    jobs[11] = jobs[10];  // the very same prompt
    return jobs;
  }

  Tokenizer tokenizer{tiny_tokenizer_spec()};
  LlamaConfig config = tiny_config(tokenizer.vocab_size());
};

TEST_F(EngineTest, GreedyTokensEqualANaiveRecomputation) {
  Rng rng(4);
  for (const auto& [kv_heads, tied] : {std::pair{4, true}, {2, false}, {1, true}}) {
    config = tiny_config(tokenizer.vocab_size(), kv_heads, tied);
    const auto prompt = random_prompt(21, rng);
    const auto results = engine()->generate({greedy(prompt, 64)}, {});
    EXPECT_EQ(results[0].tokens, naive_greedy(tiny_weights(config, 17), prompt, 64)) << kv_heads;
    EXPECT_EQ(results[0].ended_by, EndedBy::Limit);
  }
}

TEST_F(EngineTest, ABatchOfMixedLengthsEqualsEachAlone) {
  const auto jobs = mixed_jobs();
  const auto together = engine()->generate(jobs, {});
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(together[i].tokens, engine()->generate({jobs[i]}, {})[0].tokens) << i;
  }
}

TEST_F(EngineTest, SmallStepsFewSequencesAndATightCacheChangeNothing) {
  const auto jobs = mixed_jobs();
  const auto wide = engine()->generate(jobs, {});
  // 10 pages of 16 tokens: the longest job alone needs 9.
  const std::size_t page = forecast_forward(config, Compute::F32, {}).page;
  const auto narrow_engine = engine({.max_sequences = 5, .step_rows = 13, .kv_cache_bytes = 10 * page});
  const auto narrow = narrow_engine->generate(jobs, {});
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(wide[i].tokens, narrow[i].tokens) << i;
}

TEST_F(EngineTest, SharedPrefixesAreComputedOnce) {
  Rng rng(9);
  const auto common = random_prompt(200, rng);
  std::vector<GenerateJob> jobs;
  for (int i = 0; i < 12; ++i) {
    auto prompt = common;
    const auto own = random_prompt(6, rng);
    prompt.insert(prompt.end(), own.begin(), own.end());
    jobs.push_back(greedy(prompt, 4));
  }
  const auto shared_engine = engine({.max_sequences = 4});
  const auto shared = shared_engine->generate(jobs, {});
  for (std::size_t i = 0; i < jobs.size(); ++i)
    EXPECT_EQ(shared[i].tokens, engine()->generate({jobs[i]}, {})[0].tokens) << i;
  // 206 + 3 rows for the first, 14 + 3 for the three beside it, 6 + 3 for each that comes later.
  EXPECT_EQ(shared_engine->scheduler().n_rows_computed(), 209 + 3 * 17 + 8 * 9);
}

TEST_F(EngineTest, TheSameCallGivesTheSameBytesWhateverRanBefore) {
  const auto one = engine({}, Compute::F32);
  auto jobs = mixed_jobs();
  for (auto& job : jobs) job.sampling = {.temperature = 0.9, .seed = 5};
  const auto first = one->generate(jobs, {});
  (void)one->generate({jobs[3]}, {}, Engine::Prefixes::Kept);
  const auto second = one->generate(jobs, {});
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(first[i].tokens, second[i].tokens);
    EXPECT_EQ(first[i].log_probability, second[i].log_probability);
  }
}

TEST_F(EngineTest, ScoresEqualTheNaiveLogProbabilities) {
  Rng rng(12);
  const Weights weights = tiny_weights(config, 17);
  const NaiveLlama naive(weights);
  const auto question = random_prompt(40, rng);
  std::vector<ScoreJob> jobs;
  for (int i = 0; i < 9; ++i) {
    ScoreJob job{.prompt = i < 5 ? question : random_prompt(3 + rng.below(50), rng),
                 .continuation = random_prompt(1 + rng.below(80), rng)};
    job.continuation.push_back(kEnd);
    jobs.push_back(job);
  }
  const auto scores = engine({.max_sequences = 3, .step_rows = 50})->score(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    auto ids = jobs[i].prompt;
    ids.insert(ids.end(), jobs[i].continuation.begin(), jobs[i].continuation.end());
    const auto logits = naive.logits(ids);
    double expected = 0;
    for (std::size_t p = jobs[i].prompt.size() - 1; p + 1 < ids.size(); ++p) {
      double sum = 0;
      for (double x : logits[p]) sum += std::exp(x);
      expected += logits[p][static_cast<std::size_t>(ids[p + 1])] - std::log(sum);
    }
    EXPECT_NEAR(scores[i].log_probability, expected, 1e-4 * std::abs(expected)) << i;
  }
}

TEST_F(EngineTest, GeneratedLogProbabilityEqualsTheScore) {
  Rng rng(13);
  const auto one = engine();
  GenerateJob job{.prompt = random_prompt(30, rng),
                  .sampling = {.temperature = 1.0, .seed = 3},
                  .max_tokens = 20,
                  .at_end = AtEnd::Continue};
  const auto result = one->generate({job}, {})[0];
  const auto score = one->score({{.prompt = job.prompt, .continuation = result.tokens}})[0];
  EXPECT_NEAR(result.log_probability, score.log_probability, 1e-3);
}

TEST_F(EngineTest, ImpossibleJobsFailAloneAndSayWhy) {
  Rng rng(14);
  const auto good = random_prompt(10, rng);
  std::vector<GenerateJob> jobs = {
      greedy(good),    greedy(random_prompt(600, rng)), greedy({}), greedy(good, 0), greedy(good), greedy(good),
      greedy({999999})};
  jobs[4].sampling.top_p = 2;
  jobs[5].grammar = std::make_shared<Grammar>(R"({"type":"string","minLength":200})");
  std::vector<std::size_t> done;
  const auto results = engine()->generate(jobs, {.on_done = [&](std::size_t i) { done.push_back(i); }});
  EXPECT_EQ(results[0].failure, "");
  EXPECT_EQ(results[1].failure, "the prompt has 600 tokens, the model's context holds 512");
  EXPECT_EQ(results[2].failure, "the prompt is empty");
  EXPECT_EQ(results[3].failure, "max_tokens is 0");
  EXPECT_NE(results[4].failure.find("top_p"), std::string::npos);
  EXPECT_NE(results[5].failure.find("at least"), std::string::npos);
  EXPECT_NE(results[6].failure.find("outside the vocabulary"), std::string::npos);
  EXPECT_EQ(done.size(), jobs.size());
  const std::size_t page = forecast_forward(config, Compute::F32, {}).page;
  const auto small = engine({.kv_cache_bytes = 2 * page})->generate({greedy(good), greedy(random_prompt(40, rng))}, {});
  EXPECT_EQ(small[0].failure, "33 tokens do not fit the key/value cache of 32");
  EXPECT_NE(small[1].failure.find("key/value cache of 32"), std::string::npos);
  const auto scores = engine()->score({{.prompt = random_prompt(500, rng), .continuation = random_prompt(14, rng)},
                                       {.prompt = good, .continuation = {}}});
  EXPECT_EQ(scores[0].failure, "513 tokens do not fit the model's context of 512");
  EXPECT_NE(scores[1].failure, "");
}

TEST_F(EngineTest, RepliesStopAtTheContextsEnd) {
  Rng rng(15);
  const auto result = engine()->generate({greedy(random_prompt(500, rng), 100)}, {})[0];
  EXPECT_EQ(result.ended_by, EndedBy::Limit);
  EXPECT_EQ(result.tokens.size(), 13u);
}

TEST_F(EngineTest, StreamedPiecesAreWholeCharactersAndMakeTheText) {
  Rng rng(16);
  for (int run = 0; run < 40; ++run) {
    GenerateJob job{.prompt = random_prompt(5, rng),
                    .sampling = {.temperature = 2.0, .seed = rng.next()},
                    .max_tokens = 30,
                    .stop = {"an", "e\n", "\xC3"}};
    std::string streamed;
    const auto result = engine()->generate({job}, {.on_text = [&](std::size_t, std::string_view piece) {
                                             EXPECT_NO_THROW((void)nlohmann::json(std::string(piece)).dump());
                                             streamed += piece;
                                             return true;
                                           }})[0];
    EXPECT_EQ(streamed, result.text);
    EXPECT_EQ(result.text.find("an"), std::string::npos);
  }
}

TEST_F(EngineTest, RepliesOfASentencePieceModelAreWhatItsTokensDecodeTo) {
  const Tokenizer spaced(tiny_sentencepiece_spec());
  Engine engine(Cpu{Compute::F32}, tiny_weights(tiny_config(spaced.vocab_size()), 17), spaced, kEnd, {});
  Rng rng(17);
  int n_dropped = 0;
  for (int run = 0; run < 15; ++run) {
    GenerateJob job{.prompt = {static_cast<TokenId>(3 + rng.below(256))},
                    .sampling = {.temperature = 2.0, .seed = rng.next()},
                    .max_tokens = 20};
    std::string streamed;
    auto result = engine.generate({job}, {.on_text = [&](std::size_t, std::string_view piece) {
                                    streamed += piece;
                                    return true;
                                  }})[0];
    EXPECT_EQ(streamed, result.text);
    if (spaced.is_control(result.tokens.back())) result.tokens.pop_back();
    const std::string decoded = spaced.decode(result.tokens);
    // A reply that its limit cut inside a character ends before that character.
    EXPECT_TRUE(decoded.starts_with(result.text)) << decoded;
    EXPECT_LE(decoded.size(), result.text.size() + 9);  // three bytes, each shown as U+FFFD
    if (!result.tokens.empty()) n_dropped += spaced.token_bytes(result.tokens[0]).starts_with(' ') ? 1 : 0;
  }
  EXPECT_GT(n_dropped, 0);
}

TEST_F(EngineTest, TheCallerCanEndAStream) {
  Rng rng(18);
  int pieces = 0;
  const auto result = engine()->generate({greedy(random_prompt(5, rng), 50)},
                                         {.on_text = [&](std::size_t, std::string_view) { return ++pieces < 3; }})[0];
  EXPECT_EQ(result.ended_by, EndedBy::Caller);
  EXPECT_EQ(pieces, 3);
}

TEST_F(EngineTest, GrammarRepliesParseInABatch) {
  Rng rng(19);
  auto grammar = std::make_shared<Grammar>(
      R"({"type":"object","properties":{"question":{"type":"string"},"n":{"type":"array","items":{"type":"integer"}}},"required":["question","n"]})");
  std::vector<GenerateJob> jobs;
  for (int i = 0; i < 30; ++i) {
    jobs.push_back({.prompt = random_prompt(1 + rng.below(30), rng),
                    .sampling = {.temperature = i % 2 == 0 ? 0.0 : 1.2, .seed = rng.next()},
                    .max_tokens = 30 + static_cast<int>(rng.below(30)),
                    .grammar = grammar});
  }
  for (const auto& result : engine()->generate(jobs, {})) {
    ASSERT_TRUE(nlohmann::json::accept(result.text)) << result.text;
    EXPECT_EQ(result.ended_by, EndedBy::Grammar);
  }
}

TEST_F(EngineTest, AKeptConversationIsNotComputedAgain) {
  Rng rng(20);
  const auto one = engine({.determinism = Determinism::SameBatch});
  auto prompt = random_prompt(100, rng);
  const auto first = one->generate({greedy(prompt, 30)}, {}, Engine::Prefixes::Kept)[0];
  prompt.insert(prompt.end(), first.tokens.begin(), first.tokens.end());
  const auto more = random_prompt(10, rng);
  prompt.insert(prompt.end(), more.begin(), more.end());
  const auto before = one->scheduler().n_rows_computed();
  const auto second = one->generate({greedy(prompt, 10)}, {}, Engine::Prefixes::Kept)[0];
  EXPECT_LE(one->scheduler().n_rows_computed() - before, 140 - 128 + 9);
  EXPECT_EQ(second.tokens, engine()->generate({greedy(prompt, 10)}, {})[0].tokens);
}

// Heads of 32: there the cache may hold pages in the processor's own layout.
TEST_F(EngineTest, SharedAndCopiedBf16PagesHoldTheRightKeys) {
  if (detect_cpu().compute != Compute::Bf16) GTEST_SKIP() << "this processor has no bf16 path";
  config.head_dim = 32;
  Rng rng(22);
  const auto common = random_prompt(89, rng);
  std::vector<ScoreJob> jobs;
  for (std::size_t i = 0; i < 10; ++i) {
    ScoreJob job{.prompt = common, .continuation = random_prompt(30, rng)};
    job.prompt.resize(85 + i % 4);
    jobs.push_back(job);
  }
  const auto one = engine({.max_sequences = 2}, Compute::Bf16);
  const auto shared = one->score(jobs);
  EXPECT_GT(one->scheduler().n_rows_shared(), 8 * 80);
  const auto exact = engine()->score(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const double alone = engine({}, Compute::Bf16)->score({jobs[i]})[0].log_probability;
    EXPECT_NEAR(shared[i].log_probability, alone, 0.005 * std::abs(alone)) << i;
    EXPECT_NEAR(shared[i].log_probability, exact[i].log_probability, 0.02 * std::abs(exact[i].log_probability)) << i;
  }
}

TEST_F(EngineTest, Bf16StaysCloseToF32) {
  if (detect_cpu().compute != Compute::Bf16) GTEST_SKIP() << "this processor has no bf16 path";
  Rng rng(21);
  std::vector<ScoreJob> jobs;
  for (int i = 0; i < 6; ++i)
    jobs.push_back({.prompt = random_prompt(20, rng), .continuation = random_prompt(30, rng)});
  const auto exact = engine()->score(jobs);
  const auto rounded = engine({}, Compute::Bf16)->score(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_NEAR(rounded[i].log_probability, exact[i].log_probability, 0.02 * std::abs(exact[i].log_probability));
  }
}

}  // namespace
}  // namespace faqsmith
