// Signatures estimate Jaccard, bands find what is alike, and a flood of near copies stays cheap (hazards row 13).
#include "text/minhash.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "base/rng.h"

namespace faqsmith {
namespace {

std::string random_text(Rng& rng, int n_words) {
  std::string out;
  for (int i = 0; i < n_words; ++i) out += "word" + std::to_string(rng.below(2000)) + " ";
  return out;
}

TEST(MinHash, EstimatesTheJaccardSimilarity) {
  Rng rng(9);
  const MinHash minhash({.n_bands = 64, .rows_per_band = 4});
  for (int round = 0; round < 30; ++round) {
    const std::string common = random_text(rng, 60);
    const auto a = shingles(common + random_text(rng, 20 * (round % 4)), 3);
    const auto b = shingles(common + random_text(rng, 20 * (round % 3)), 3);
    const double exact = jaccard(a, b), estimate = MinHash::similarity(minhash.signature(a), minhash.signature(b));
    EXPECT_NEAR(estimate, exact, 4 * std::sqrt(exact * (1 - exact) / 256) + 0.01);
  }
}

TEST(MinHash, IgnoresCaseAndPunctuationAndOrderOfNothingElse) {
  EXPECT_EQ(shingles("How do I update?", 3), shingles("how do i UPDATE", 3));
  EXPECT_NE(shingles("a b c d", 3), shingles("d c b a", 3));
  EXPECT_EQ(shingles("two words", 3).size(), 1u);
  EXPECT_TRUE(shingles("…", 3).empty());
  EXPECT_EQ(jaccard({}, {}), 1.0);
}

TEST(MinHash, FindsNearCopiesAmongStrangers) {
  Rng rng(4);
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(random_text(rng, 50));
  texts.push_back(texts[17] + "and three more words");
  texts.push_back("UPDATED: " + texts[120]);
  const std::vector<std::size_t> leaders = near_duplicate_leaders(texts, 0.8);
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(leaders[i], i);
  EXPECT_EQ(leaders[300], 17u);
  EXPECT_EQ(leaders[301], 120u);
}

TEST(MinHash, TenThousandNearCopiesHaveOneLeaderAndCostLinearTime) {
  Rng rng(6);
  const std::string original = random_text(rng, 80);
  std::vector<std::string> texts;
  for (int i = 0; i < 10'000; ++i) texts.push_back(original + "copy" + std::to_string(i));
  const auto start = std::chrono::steady_clock::now();
  const std::vector<std::size_t> leaders = near_duplicate_leaders(texts, 0.8);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 30.0);
  for (const std::size_t leader : leaders) EXPECT_EQ(leader, 0u);
}

TEST(MinHash, IsTheSameForTheSameSeed) {
  const auto set = shingles("how do I install a package without network access", 3);
  EXPECT_EQ(MinHash({.seed = 3}).signature(set), MinHash({.seed = 3}).signature(set));
  EXPECT_NE(MinHash({.seed = 3}).signature(set), MinHash({.seed = 4}).signature(set));
}

}  // namespace
}  // namespace faqsmith
