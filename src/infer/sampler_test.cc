// Distributions, cuts, penalty, ties and independence of the sampler.
#include "infer/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"

namespace faqsmith {
namespace {

std::vector<float> random_logits(std::size_t n, Rng& rng, double scale = 2.0) {
  std::vector<float> logits(n);
  for (auto& x : logits) x = static_cast<float>(scale * rng.normal());
  return logits;
}

std::vector<double> softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> p(logits.begin(), logits.end());
  const double top = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& x : p) sum += x = std::exp((x - top) / temperature);
  for (double& x : p) x /= sum;
  return p;
}

// Pearson's statistic of n draws against p, cells with fewer than five expected draws pooled.
double chi_square_per_cell(const std::vector<double>& p, const SamplerOptions& options,
                           const std::vector<float>& logits, int n) {
  Sampler sampler(options, static_cast<TokenId>(logits.size()));
  std::vector<int> counts(p.size());
  for (int i = 0; i < n; ++i) {
    auto row = logits;
    ++counts[static_cast<std::size_t>(sampler.next(row, nullptr).id)];
  }
  double statistic = 0, pooled_expected = 0, pooled_seen = 0;
  int cells = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double expected = p[i] * n;
    if (p[i] == 0) {
      EXPECT_EQ(counts[i], 0);
    }
    if (expected < 5) {
      pooled_expected += expected;
      pooled_seen += counts[i];
      continue;
    }
    statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++cells;
  }
  if (pooled_expected > 1)
    statistic += (pooled_seen - pooled_expected) * (pooled_seen - pooled_expected) / pooled_expected;
  return statistic / std::max(cells, 1);
}

TEST(Sampler, GreedyTakesTheLargestAndOfEqualsTheLowestId) {
  std::vector<float> logits(1000, -1.0f);
  logits[700] = logits[301] = 2.5f;
  Sampler sampler({}, 1000);
  const auto token = sampler.next(logits, nullptr);
  EXPECT_EQ(token.id, 301);
  EXPECT_NEAR(token.log_probability, 2.5 - std::log(2 * std::exp(2.5) + 998 * std::exp(-1.0)), 1e-6);
}

TEST(Sampler, LogProbabilityIsTheModelsOwnWhateverTheOptions) {
  Rng rng(3);
  const auto logits = random_logits(3001, rng);
  const auto p = softmax(logits, 1.0);
  Sampler sampler({.temperature = 0.7, .top_k = 50, .top_p = 0.9, .repetition_penalty = 1.3, .seed = 4}, 3001);
  for (TokenId id = 0; id < 3001; id += 3) sampler.observe(id);
  for (int i = 0; i < 50; ++i) {
    auto row = logits;
    const auto token = sampler.next(row, nullptr);
    EXPECT_NEAR(token.log_probability, std::log(p[static_cast<std::size_t>(token.id)]), 1e-5);
  }
}

TEST(Sampler, DrawsFromTheTemperedSoftmax) {
  Rng rng(1);
  const auto logits = random_logits(200, rng);
  for (double temperature : {0.5, 1.0, 1.7}) {
    EXPECT_LT(chi_square_per_cell(softmax(logits, temperature), {.temperature = temperature, .seed = 9}, logits, 40000),
              1.6);
  }
}

TEST(Sampler, TopKThenTopPKeepWhatTheirDefinitionsSay) {
  Rng rng(2);
  const auto logits = random_logits(300, rng);
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] > logits[b]; });
  struct Case {
    int top_k;
    double top_p;
  };
  for (const auto& [top_k, top_p] :
       {Case{12, 1.0}, Case{0, 0.5}, Case{0, 0.8}, Case{40, 0.7}, Case{250, 0.95}, Case{0, 0.999}}) {
    auto p = softmax(logits, 0.9);
    const std::size_t k = top_k > 0 ? static_cast<std::size_t>(top_k) : p.size();
    for (std::size_t i = k; i < order.size(); ++i) p[order[i]] = 0;
    const auto normalise = [&] {
      const double sum = std::accumulate(p.begin(), p.end(), 0.0);
      for (double& x : p) x /= sum;
    };
    normalise();
    double mass = 0;
    for (std::size_t i : order) {
      const double before = mass;
      mass += p[i];
      if (before >= top_p) p[i] = 0;
    }
    normalise();
    EXPECT_LT(chi_square_per_cell(p, {.temperature = 0.9, .top_k = top_k, .top_p = top_p, .seed = 21}, logits, 40000),
              1.6)
        << top_k << " " << top_p;
  }
}

// The formula in float64, in the order that sampler.h states; ties do not occur in random logits.
std::vector<double> reference_distribution(std::vector<float> logits, const SamplerOptions& options) {
  for (const LogitBias& entry : options.logit_bias)
    logits[static_cast<std::size_t>(entry.id)] += static_cast<float>(entry.bias);
  auto p = softmax(logits, options.temperature);
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return p[a] > p[b]; });
  const auto normalise = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
  };
  for (std::size_t i = static_cast<std::size_t>(options.top_k); options.top_k > 0 && i < order.size(); ++i)
    p[order[i]] = 0;
  normalise();
  double mass = 0;
  for (const std::size_t i : order) {
    const double before = mass;
    mass += p[i];
    if (options.top_p < 1 && before >= options.top_p) p[i] = 0;
  }
  const double least = options.min_p * p[order[0]];
  for (double& x : p) x = x < least ? 0 : x;
  normalise();
  return p;
}

TEST(Sampler, MinPAndBiasDrawFromTheirFloat64Formula) {
  Rng rng(31);
  const std::vector<SamplerOptions> cases = {
      {.temperature = 1.0, .min_p = 0.1},
      {.temperature = 1.7, .min_p = 0.05},
      {.temperature = 0.6, .min_p = 0.3},
      {.temperature = 1.2, .top_k = 15, .top_p = 0.9, .min_p = 0.08},
      {.temperature = 1.0, .min_p = 1.0},
      {.temperature = 0.9, .logit_bias = {{3, 2.5}, {17, -100}, {40, 4}}},
      {.temperature = 1.3, .min_p = 0.02, .logit_bias = {{0, 6}, {59, -1.5}}},
  };
  for (const std::size_t vocabulary : {60u, 333u}) {
    const auto logits = random_logits(vocabulary, rng);
    for (SamplerOptions options : cases) {
      options.seed = rng.next();
      EXPECT_LT(chi_square_per_cell(reference_distribution(logits, options), options, logits, 30000), 1.7)
          << vocabulary << " " << options.temperature << " " << options.min_p;
    }
  }
}

TEST(Sampler, MinPIsAtLeastTheRatioAndKeepsTheLikeliestEqualsWithIt) {
  // Probabilities in powers of two: the bounds are exact.
  const std::vector<float> halves = {0.0f, std::log(0.5f), std::log(0.25f), std::log(0.25f), std::log(0.125f)};
  const auto drawn = [&](double min_p) {
    Sampler sampler({.temperature = 1.0, .min_p = min_p, .seed = 5}, 5);
    std::set<TokenId> seen;
    for (int i = 0; i < 2000; ++i) {
      auto row = halves;
      seen.insert(sampler.next(row, nullptr).id);
    }
    return seen;
  };
  EXPECT_EQ(drawn(0.2499), (std::set<TokenId>{0, 1, 2, 3}));
  EXPECT_EQ(drawn(0.2501), (std::set<TokenId>{0, 1}));
  EXPECT_EQ(drawn(1.0), (std::set<TokenId>{0}));
  EXPECT_EQ(drawn(1e-300), (std::set<TokenId>{0, 1, 2, 3, 4}));
}

TEST(Sampler, BiasMovesTheGreedyChoiceAndNotTheReportedProbability) {
  const std::vector<float> logits = {1.0f, 0.0f, -1.0f, 0.5f};
  const auto p = softmax(logits, 1.0);
  for (const auto& [bias, chosen] : {std::pair{100.0, 2}, {1.9, 0}, {2.1, 2}, {-100.0, 0}}) {
    Sampler sampler({.logit_bias = {{2, bias}}}, 4);
    auto row = logits;
    const auto token = sampler.next(row, nullptr);
    EXPECT_EQ(token.id, chosen) << bias;
    EXPECT_NEAR(token.log_probability, std::log(p[static_cast<std::size_t>(token.id)]), 1e-6);
  }
  Sampler forbids({.temperature = 5.0, .seed = 3, .logit_bias = {{0, -100}, {3, -100}}}, 4);
  for (int i = 0; i < 500; ++i) {
    auto row = logits;
    const TokenId id = forbids.next(row, nullptr).id;
    EXPECT_TRUE(id == 1 || id == 2);
  }
}

TEST(Sampler, TheSameSeedGivesTheSameTokensAndAnotherDoesNot) {
  Rng rng(8);
  const auto logits = random_logits(5000, rng);
  const auto draw = [&](std::uint64_t seed) {
    Sampler sampler({.temperature = 1.0, .seed = seed}, 5000);
    std::vector<TokenId> ids;
    for (int i = 0; i < 20; ++i) {
      auto row = logits;
      ids.push_back(sampler.next(row, nullptr).id);
    }
    return ids;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(Sampler, ThePenaltyLowersSeenTokensOnBothSidesOfZero) {
  std::vector<float> logits = {1.0f, 1.1f, -3.0f, -3.0f};
  Sampler sampler({.repetition_penalty = 1.2}, 4);
  sampler.observe(1);
  EXPECT_EQ(sampler.next(logits, nullptr).id, 0);
}

TEST(Sampler, RefusesOptionsOutOfRangeByName) {
  const auto message = [](const SamplerOptions& options) -> std::string {
    try {
      validate(options);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(message({.temperature = -1}).find("temperature"), std::string::npos);
  EXPECT_NE(message({.temperature = std::nan("")}).find("temperature"), std::string::npos);
  EXPECT_NE(message({.top_k = -2}).find("top_k"), std::string::npos);
  EXPECT_NE(message({.top_p = 0}).find("top_p"), std::string::npos);
  EXPECT_NE(message({.repetition_penalty = 0}).find("repetition_penalty"), std::string::npos);
  for (const double min_p : {-0.1, 1.01, std::nan(""), HUGE_VAL})
    EXPECT_NE(message({.min_p = min_p}).find("min_p"), std::string::npos) << min_p;
  for (const double bias : {100.5, -101.0, std::nan(""), HUGE_VAL, -HUGE_VAL})
    EXPECT_NE(message({.logit_bias = {{1, bias}}}).find("logit_bias"), std::string::npos) << bias;
  EXPECT_NE(message({.logit_bias = {{1, 2}, {5, 1}, {1, 3}}}).find("token 1 twice"), std::string::npos);
  EXPECT_EQ(message({.min_p = 1, .logit_bias = {{1, 100}, {2, -100}}}), "");
  EXPECT_THROW(Sampler({.logit_bias = {{10, 1}}}, 10), Error);
  EXPECT_THROW(Sampler({.logit_bias = {{-1, 1}}}, 10), Error);
  EXPECT_NO_THROW(Sampler({.logit_bias = {{9, 1}}}, 10));
}

TEST(Sampler, RefusesARowOfNaN) {
  std::vector<float> logits(100, std::nanf(""));
  Sampler sampler({}, 100);
  EXPECT_THROW((void)sampler.next(logits, nullptr), Error);
}

TEST(LogitBlocks, TopEqualsASortForEveryK) {
  Rng rng(12);
  auto logits = random_logits(1000, rng);
  for (std::size_t i = 0; i < logits.size(); i += 7) logits[i] = 0.25f;  // ties
  LogitBlocks blocks;
  blocks.reset(logits);
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  for (std::size_t k : {1u, 2u, 15u, 16u, 100u, 999u, 1000u, 5000u}) {
    const auto top = blocks.top(k);
    ASSERT_EQ(top.size(), std::min<std::size_t>(k, 1000));
    for (std::size_t i = 0; i < top.size(); ++i) ASSERT_EQ(top[i].id, order[i]) << k << " " << i;
  }
}

}  // namespace
}  // namespace faqsmith
