// Metrics: the own-fact test, clustered intervals with known coverage, refusal rates.
#include "faq/metrics.h"

#include <gtest/gtest.h>

#include "text/token_f1.h"

namespace faqsmith {
namespace {

TEST(ReferencePool, FindsTheOwnFactWhenItIsNearest) {
  ReferencePool pool;
  pool.add("install", "Run apt install with the package's name.");
  pool.add("remove", "Run apt remove with the package's name.");
  pool.add("kernel", "The kernel is Linux.");
  EXPECT_TRUE(pool.nearest_is("install", "You run apt install and the name"));
  EXPECT_FALSE(pool.nearest_is("remove", "You run apt install and the name"));
  EXPECT_TRUE(pool.nearest_is("kernel", "Linux!"));
  EXPECT_FALSE(pool.nearest_is("kernel", "Nothing in common whatsoever"));
  EXPECT_FALSE(pool.nearest_is("kernel", ""));
}

TEST(ReferencePool, CountsFactsThatSayTheSameAsOne) {
  ReferencePool pool;
  pool.add("cluster 1", "Use apt.");
  pool.add("cluster 1", "The tool to use is apt, the package manager.");
  pool.add("cluster 2", "Use dpkg.");
  pool.add("cluster 3", "Use apt.");
  EXPECT_TRUE(pool.nearest_is("cluster 1", "use apt"));
  EXPECT_TRUE(pool.nearest_is("cluster 3", "use apt"));
  EXPECT_TRUE(pool.nearest_is("cluster 1", "the package manager apt"));
  EXPECT_FALSE(pool.nearest_is("cluster 2", "use apt"));
}

TEST(ReferencePool, RougeBreaksATieOfTokenF1) {
  ReferencePool pool;
  pool.add("forward", "copy alpha over beta");
  pool.add("backward", "copy beta over alpha");
  EXPECT_TRUE(pool.nearest_is("backward", "copy beta over alpha"));
  EXPECT_FALSE(pool.nearest_is("forward", "copy beta over alpha"));
}

TEST(PairedDifference, IsTheWeightedMeanAndReplaysForASeed) {
  const std::vector<PairedItem> items = {{"x", 0.0, 1.0, 1}, {"y", 0.5, 0.5, 3}};
  Rng first(1), second(1);
  const PairedDifference a = paired_difference(items, first), b = paired_difference(items, second);
  EXPECT_DOUBLE_EQ(a.mean_a, 0.375);
  EXPECT_DOUBLE_EQ(a.mean_b, 0.625);
  EXPECT_DOUBLE_EQ(a.difference, 0.25);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_DOUBLE_EQ(a.low, 0.0);
  EXPECT_DOUBLE_EQ(a.high, 1.0);
}

TEST(PairedDifference, CoversTheTruthAboutNineteenTimesInTwenty) {
  // 40 clusters of 3 dependent items; the true difference is 0.2.
  Rng rng(12);
  int covered = 0;
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<PairedItem> items;
    for (int c = 0; c < 40; ++c) {
      const double shared = rng.normal();
      for (int i = 0; i < 3; ++i) items.push_back({std::to_string(c), 0.0, 0.2 + shared + 0.3 * rng.normal()});
    }
    const PairedDifference d = paired_difference(items, rng, 500);
    covered += d.low <= 0.2 && 0.2 <= d.high ? 1 : 0;
  }
  EXPECT_GT(covered, kRounds * 88 / 100);
  EXPECT_LT(covered, kRounds * 99 / 100);
}

TEST(PairedDifference, ClustersWidenTheInterval) {
  Rng rng(5);
  std::vector<PairedItem> clustered, separate;
  for (int c = 0; c < 20; ++c) {
    const double shared = rng.normal();
    for (int i = 0; i < 5; ++i) {
      clustered.push_back({std::to_string(c), 0.0, shared});
      separate.push_back({std::to_string(c) + "." + std::to_string(i), 0.0, shared});
    }
  }
  const PairedDifference wide = paired_difference(clustered, rng), narrow = paired_difference(separate, rng);
  EXPECT_GT(wide.high - wide.low, 1.5 * (narrow.high - narrow.low));
}

TEST(PairedDifference, SaysNothingWithoutItems) {
  Rng rng(1);
  const PairedDifference d = paired_difference({}, rng);
  EXPECT_EQ(d.n_items, 0u);
  EXPECT_EQ(d.difference, 0);
  EXPECT_EQ(d.high, 0);
}

TEST(RefusalCounts, GivesRatesOnlyWhereThereIsSomethingToCount) {
  const RefusalCounts counts{
      .n_unanswerable = 20, .refused_unanswerable = 15, .n_answerable = 100, .refused_answerable = 5};
  EXPECT_DOUBLE_EQ(*counts.recall(), 0.75);
  EXPECT_DOUBLE_EQ(*counts.precision(), 0.75);
  EXPECT_DOUBLE_EQ(*counts.false_refusal(), 0.05);
  EXPECT_FALSE(RefusalCounts{}.precision().has_value());
}

TEST(OutcomeOf, CountsRightWrongAndRefusedApart) {
  EXPECT_EQ(outcome_of(false, 0.5), Outcome::Right);
  EXPECT_EQ(outcome_of(false, 0.49), Outcome::Wrong);
  EXPECT_EQ(outcome_of(true, 0.9), Outcome::Refused);
}

TEST(ScoreAnswer, GivesBothScores) {
  const AnswerScores scores = score_answer("Run the apt update.", "run apt update");
  EXPECT_DOUBLE_EQ(scores.token_f1, 1.0);
  EXPECT_DOUBLE_EQ(scores.rouge_l, 2 * 1.0 * 0.75 / 1.75);
}

}  // namespace
}  // namespace faqsmith
