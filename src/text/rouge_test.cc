// ROUGE-L against the textbook table and figures from PyPI's rouge-score; token F1 against SQuAD's rule.
#include "text/rouge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "text/token_f1.h"

namespace faqsmith {
namespace {

using testing::ElementsAre;

std::size_t lcs_by_table(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1, 0));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j)
      table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1 : std::max(table[i - 1][j], table[i][j - 1]);
  }
  return table[a.size()][b.size()];
}

TEST(RougeL, LongestCommonSubsequenceMatchesTheTable) {
  Rng rng(17);
  for (int round = 0; round < 400; ++round) {
    const std::uint64_t n_words = 1 + rng.below(round % 2 == 0 ? 4 : 200);
    const auto draw = [&] {
      std::vector<std::uint32_t> out(rng.below(300));
      for (std::uint32_t& word : out) word = static_cast<std::uint32_t>(rng.below(n_words));
      return out;
    };
    const auto a = draw(), b = draw();
    ASSERT_EQ(lcs_length(a, b), lcs_by_table(a, b)) << a.size() << " " << b.size() << " " << n_words;
  }
}

TEST(RougeL, CutsWordsAsTheReferenceDoes) {
  EXPECT_THAT(rouge_words("Don't run apt-get 2.1, Größe!"),
              ElementsAre("don", "t", "run", "apt", "get", "2", "1", "gr", "e"));
  EXPECT_THAT(rouge_words("\u212Bx \u212Aelvin \u0130stanbul"), ElementsAre("x", "kelvin", "i", "stanbul"));
  EXPECT_THAT(rouge_words("日本語"), ElementsAre());
}

TEST(RougeL, GivesTheReferenceScores) {
  // rouge_score.rouge_scorer.RougeScorer(["rougeL"]).score(target, prediction)
  const Rouge score = rouge_l("The quick brown fox jumps over the lazy dog", "The quick brown dog jumps on the log.");
  EXPECT_DOUBLE_EQ(score.precision, 0.625);
  EXPECT_DOUBLE_EQ(score.recall, 5.0 / 9.0);
  EXPECT_DOUBLE_EQ(score.f1, 2 * 0.625 * (5.0 / 9.0) / (0.625 + 5.0 / 9.0));
  EXPECT_EQ(rouge_l("", "x").f1, 0);
  EXPECT_EQ(rouge_l("a b", "c d").f1, 0);
  EXPECT_EQ(rouge_l("same words", "Same, words!").f1, 1);
}

TEST(RougePool, AgreesWithSingleComparisonsAndFindsTheNearest) {
  const std::vector<std::string> texts = {"how do I install a package", "which kernel does it use",
                                          "how can I install packages", "", "how do I install one package"};
  RougePool pool;
  for (const std::string& text : texts) pool.add(text);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = 0; j < texts.size(); ++j) EXPECT_DOUBLE_EQ(pool.f1(i, j), rouge_l(texts[i], texts[j]).f1);
  }
  EXPECT_EQ(pool.nearest_before(4).index, 0u);
  EXPECT_DOUBLE_EQ(pool.nearest_before(4).f1, pool.f1(0, 4));
  EXPECT_EQ(pool.nearest_before(0).index, pool.size());
}

TEST(RougeL, TakesLongTextsInLinearMemory) {
  std::string a, b;
  Rng rng(2);
  for (int i = 0; i < 60'000; ++i) {
    a += "w" + std::to_string(rng.below(5000)) + " ";
    b += "w" + std::to_string(rng.below(5000)) + " ";
  }
  EXPECT_GT(rouge_l(a, b).f1, 0.0);  // a full table would take 29 GB
}

TEST(TokenF1, FollowsTheSquadRule) {
  EXPECT_THAT(answer_tokens("The Quick, brown-fox isn't  an A-team_x"),
              ElementsAre("quick", "brownfox", "isnt", "ateamx"));
  EXPECT_DOUBLE_EQ(token_f1("run apt update", "Run the apt update!"), 1.0);
  EXPECT_DOUBLE_EQ(token_f1("x x y", "x z"), 2 * 0.5 * (1.0 / 3) / (0.5 + 1.0 / 3));
  EXPECT_EQ(token_f1("", ""), 1.0);
  EXPECT_EQ(token_f1("the", "x"), 0.0);
  EXPECT_EQ(token_f1("x", "y"), 0.0);
}

TEST(TokenF1, KnowsOtherScripts) {
  EXPECT_DOUBLE_EQ(token_f1("GRÖSSE, über", "größe Über"), 0.5);
  EXPECT_GT(token_f1("如何安装软件包？", "安装软件包"), 0.5);
  EXPECT_DOUBLE_EQ(token_f1("¿Cómo está?", "cómo está"), 1.0);
}

}  // namespace
}  // namespace faqsmith
