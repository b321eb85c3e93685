// With Determinism::AnyBatch a reply is the same bytes, tokens and log-probabilities, whatever else is computed and
// whatever prefix is reused.
#include <gtest/gtest.h>

#include "infer/alike_rows.h"
#include "infer/engine.h"
#include "infer/tiny_tokenizer.h"

namespace faqsmith {
namespace {

constexpr TokenId kEnd = 2;

struct Form {
  Compute compute;
  WeightForm weights;
};

class DeterminismTest : public testing::TestWithParam<Form> {
 protected:
  void SetUp() override {
    if (GetParam().compute == Compute::Bf16 && detect_cpu().compute != Compute::Bf16)
      GTEST_SKIP() << "this processor has no bf16 path";
    config_.hidden_size = 96;
    config_.intermediate_size = 160;
    config_.n_layers = 3;
    config_.n_heads = 6;
    config_.n_kv_heads = 2;
    config_.head_dim = 32;
    config_.vocab_size = tokenizer_.vocab_size();
    config_.max_positions = 512;
    config_.tied_embeddings = true;
  }
  std::unique_ptr<Engine> engine(EngineOptions options = {}) const {
    Weights weights = random_weights(config_, 17);
    for_each_tensor(weights, [](const std::string& name, Buffer<float>& tensor) {
      for (std::int64_t i = 0; i < tensor.size() && name.find("norm") == std::string::npos; ++i) tensor[i] *= 5.0f;
    });
    options.determinism = Determinism::AnyBatch;
    options.weights = GetParam().weights;
    return std::make_unique<Engine>(Cpu{GetParam().compute}, std::move(weights), tokenizer_, kEnd, options);
  }
  std::vector<TokenId> random_prompt(std::size_t n, Rng& rng) const {
    std::vector<TokenId> ids(n);
    for (auto& id : ids)
      id = static_cast<TokenId>(3 + rng.below(static_cast<std::uint64_t>(tokenizer_.vocab_size()) - 3));
    return ids;
  }
  GenerateJob job(std::vector<TokenId> prompt, std::uint64_t seed) const {
    return {.prompt = std::move(prompt),
            .sampling = {.temperature = seed % 2 == 0 ? 0.0 : 1.0, .seed = seed},
            .max_tokens = 20 + static_cast<int>(seed % 5),
            .at_end = AtEnd::Continue};
  }
  static void expect_same(const GenerateResult& a, const GenerateResult& b, const std::string& what) {
    EXPECT_EQ(a.tokens, b.tokens) << what;
    EXPECT_EQ(a.log_probabilities, b.log_probabilities) << what;  // bit by bit
  }

  Tokenizer tokenizer_{tiny_tokenizer_spec()};
  LlamaConfig config_;
};

TEST_P(DeterminismTest, AReplyIsTheSameBytesAloneAmong7AndAmong31Others) {
  for (const std::int64_t window : {std::int64_t{0}, std::int64_t{40}}) {
    if (window != 0) config_.sliding_window = window;
    Rng rng(3);
    const auto common = random_prompt(75, rng);
    std::vector<GenerateJob> jobs;
    for (std::uint64_t i = 0; i < 32; ++i) {
      // Every third begins with the others' beginning, so that it reuses pages in a batch and computes them alone.
      auto prompt = i % 3 == 0 ? common : random_prompt(1 + rng.below(150), rng);
      const auto own = random_prompt(1 + rng.below(20), rng);
      prompt.insert(prompt.end(), own.begin(), own.end());
      jobs.push_back(job(std::move(prompt), i));
    }
    const auto together = engine()->generate(jobs, {});
    const auto narrow = engine({.max_sequences = 5, .step_rows = 37})->generate(jobs, {});
    const auto few = engine()->generate({jobs.begin(), jobs.begin() + 8}, {});
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const auto alone = engine()->generate({jobs[i]}, {})[0];
      const std::string what = std::to_string(i) + " window " + std::to_string(window);
      expect_same(alone, together[i], what + " among 31");
      expect_same(alone, narrow[i], what + " in steps of 37 rows");
      if (i < few.size()) expect_same(alone, few[i], what + " among 7");
    }
  }
}

TEST_P(DeterminismTest, AReusedPrefixChangesNoByte) {
  Rng rng(5);
  const auto kept = engine();
  auto prompt = random_prompt(60, rng);
  std::int64_t n_fresh_rows = 0;
  for (std::uint64_t turn = 0; turn < 5; ++turn) {
    const auto one = job(prompt, turn);
    const auto reused = kept->generate({one}, {}, Engine::Prefixes::Kept)[0];
    const auto fresh = engine();
    expect_same(fresh->generate({one}, {})[0], reused, "turn " + std::to_string(turn));
    n_fresh_rows += fresh->scheduler().n_rows_computed();
    prompt.insert(prompt.end(), reused.tokens.begin(), reused.tokens.end());
    const auto more = random_prompt(7, rng);
    prompt.insert(prompt.end(), more.begin(), more.end());
  }
  EXPECT_LT(kept->scheduler().n_rows_computed(), n_fresh_rows * 2 / 3);
}

TEST_P(DeterminismTest, ScoresAndSearchesAreTheSameBytes) {
  Rng rng(7);
  std::vector<ScoreJob> jobs;
  const auto question = random_prompt(50, rng);
  for (std::size_t i = 0; i < 20; ++i)
    jobs.push_back({.prompt = i % 2 == 0 ? question : random_prompt(1 + rng.below(90), rng),
                    .continuation = random_prompt(1 + rng.below(40), rng)});
  const auto together = engine({.step_rows = 100})->score(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i)
    EXPECT_EQ(together[i].log_probability, engine()->score({jobs[i]})[0].log_probability) << i;
  std::vector<std::vector<TokenId>> prompts;
  for (std::size_t i = 0; i < 6; ++i) prompts.push_back(jobs[i].prompt);
  const auto found = engine()->openings(prompts, {});
  const auto best = engine()->best_replies(prompts, {.n = 3, .max_tokens = 8});
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto alone = engine()->openings({prompts[i]}, {})[0];
    const auto best_alone = engine()->best_replies({prompts[i]}, {.n = 3, .max_tokens = 8})[0];
    ASSERT_EQ(alone.list.size(), found[i].list.size());
    for (std::size_t k = 0; k < alone.list.size(); ++k)
      EXPECT_EQ(alone.list[k].log_probabilities, found[i].list[k].log_probabilities);
    ASSERT_EQ(best_alone.list.size(), best[i].list.size());
    for (std::size_t k = 0; k < best_alone.list.size(); ++k)
      EXPECT_EQ(best_alone.list[k].log_probabilities, best[i].list[k].log_probabilities);
  }
}

// The way for kernels whose rows differ: tiles give every row what it has in any other tile.
TEST(AlikeRows, TilesMakeRowsAlike) {
  if (detect_cpu().compute != Compute::Bf16) GTEST_SKIP() << "this processor has no bf16 path";
  Cpu cpu{Compute::Bf16};
  Rng rng(9);
  Buffer<float> w({40, 96});
  for (std::int64_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(rng.normal());
  const WeightMatrix weight(std::move(w));
  const WeightMatrix* const parts[] = {&weight};
  const InferLinear linear(Compute::Bf16, WeightForm::Packed, nullptr, parts);
  const InferLinear* const linears[] = {&linear};
  const RowTiles padded = padded_tiles_for(cpu, linears);
  Buffer<bf16> x({192, 96});
  for (std::int64_t i = 0; i < x.size(); ++i) x[i] = from_float<bf16>(static_cast<float>(rng.normal()));
  Buffer<bf16> whole({192, 40}), part({96, 40});
  const auto multiply = [&](std::int64_t first, std::int64_t m, Buffer<bf16>& y, RowTiles tiles) {
    multiply_alike<bf16, bf16>(cpu, linear, {x.data() + first * 96, {m, 96}}, {y.data(), {m, 40}}, tiles, {});
  };
  multiply(0, 144, whole, padded);
  for (const std::int64_t m : {1, 23, 24, 31, 32, 33, 64}) {
    for (const std::int64_t first : {0, 24, 30, 31, 47}) {  // other places of a tile
      multiply(first, m, part, padded);
      for (std::int64_t i = 0; i < m * 40; ++i) ASSERT_EQ(to_float(part[i]), to_float(whole[first * 40 + i])) << m;
    }
  }
  multiply(0, 96, part, {});
  for (std::int64_t i = 0; i < 96 * 40; ++i) ASSERT_NEAR(to_float(part[i]), to_float(whole[i]), 0.3f);
}

// A shape of which oneDNN sums 160 to 300 rows in another order than 512 with AMX.
TEST_P(DeterminismTest, RowsOfLargeProductsAreAlike) {
  constexpr std::int64_t kIn = 1536, kOut = 576, kMost = 512;
  Cpu cpu{GetParam().compute};
  const auto check = [&]<class T>(T) {
    Rng rng(10);
    Buffer<float> w({kOut, kIn});
    for (std::int64_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(rng.normal());
    const WeightMatrix weight(std::move(w));
    const WeightMatrix* const parts[] = {&weight};
    const InferLinear linear(GetParam().compute, GetParam().weights, nullptr, parts);
    const InferLinear* const linears[] = {&linear};
    const RowTiles tiles = row_tiles_for(cpu, linears);
    constexpr std::int64_t kBeyond = 32;  // padded tiles read and write past the end
    Buffer<T> x({kMost + kBeyond, kIn});
    for (std::int64_t i = 0; i < x.size(); ++i) x[i] = from_float<T>(static_cast<float>(rng.normal()));
    Buffer<float> whole({kMost + kBeyond, kOut}), part({kMost + kBeyond, kOut});
    const auto multiply = [&](std::int64_t first, std::int64_t m, Buffer<float>& y) {
      const RowRun all{.first = 0, .n = m};
      multiply_alike<T, float>(cpu, linear, {x.data() + first * kIn, {m, kIn}}, {y.data(), {m, kOut}}, tiles,
                               {&all, 1});
    };
    multiply(0, kMost, whole);
    for (const std::int64_t m : {1, 2, 20, 128, 129, 160, 200, 300}) {
      const std::int64_t first = kMost - m;
      multiply(first, m, part);
      for (std::int64_t i = 0; i < m * kOut; ++i) ASSERT_EQ(part[i], whole[first * kOut + i]) << m << " rows";
    }
  };
  GetParam().compute == Compute::F32 ? check(0.0f) : check(bf16{});
}

INSTANTIATE_TEST_SUITE_P(All, DeterminismTest,
                         testing::Values(Form{Compute::F32, WeightForm::Packed}, Form{Compute::F32, WeightForm::Blocks},
                                         Form{Compute::Bf16, WeightForm::Packed},
                                         Form{Compute::F32, WeightForm::Quantised},
                                         Form{Compute::Bf16, WeightForm::Quantised}),
                         [](const auto& tested) {
                           const WeightForm form = tested.param.weights;
                           return std::string(tested.param.compute == Compute::F32 ? "F32" : "Bf16") +
                                  (form == WeightForm::Packed   ? "Packed"
                                   : form == WeightForm::Blocks ? "Blocks"
                                                                : "Quantised");
                         });

}  // namespace
}  // namespace faqsmith
