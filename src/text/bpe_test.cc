// Both merge paths (scan and heap) against the definition: join the lowest-ranked adjacent pair, leftmost first, until
// none is left.
#include "text/bpe.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "base/rng.h"

namespace faqsmith {
namespace {

std::vector<std::int32_t> merge_by_definition(const std::vector<Merge>& merges, std::vector<std::int32_t> symbols) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::size_t> rank;
  for (std::size_t i = 0; i < merges.size(); ++i) rank.emplace(std::pair(merges[i].left, merges[i].right), i);
  while (true) {
    std::optional<std::size_t> best, at;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = rank.find({symbols[i], symbols[i + 1]});
      if (found == rank.end() || (best && found->second >= *best)) continue;
      best = found->second;
      at = i;
    }
    if (!best) return symbols;
    symbols[*at] = merges[*best].joined;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(*at) + 1);
  }
}

// Random merges in which later ones build on what earlier ones joined, as a trained vocabulary's do.
std::vector<Merge> random_merges(Rng& rng, int n_letters, int n_merges) {
  std::map<std::pair<std::int32_t, std::int32_t>, bool> seen;
  std::vector<Merge> merges;
  std::int32_t n_symbols = n_letters;
  while (static_cast<int>(merges.size()) < n_merges) {
    const auto left = static_cast<std::int32_t>(rng.below(n_symbols));
    const auto right = static_cast<std::int32_t>(rng.below(n_symbols));
    if (!seen.emplace(std::pair(left, right), true).second) continue;
    merges.push_back({.left = left, .right = right, .joined = n_symbols++});
  }
  return merges;
}

TEST(Bpe, FollowsTheDefinitionForShortAndLongWords) {
  Rng rng(3);
  for (int round = 0; round < 60; ++round) {
    const std::vector<Merge> merges = random_merges(rng, 4, 40);
    const Bpe bpe(merges);
    for (const std::size_t length : {1, 2, 3, 17, 47, 48, 49, 200}) {
      std::vector<std::int32_t> symbols;
      for (std::size_t i = 0; i < length; ++i) symbols.push_back(static_cast<std::int32_t>(rng.below(4)));
      const std::vector<std::int32_t> expected = merge_by_definition(merges, symbols);
      bpe.merge(symbols);
      EXPECT_EQ(symbols, expected) << "round " << round << ", length " << length;
    }
  }
}

TEST(Bpe, LeavesSymbolsAloneWithoutMerges) {
  std::vector<std::int32_t> symbols = {1, 2, 3};
  Bpe(std::vector<Merge>{}).merge(symbols);
  EXPECT_EQ(symbols, (std::vector<std::int32_t>{1, 2, 3}));
  Bpe().merge(symbols);
  EXPECT_EQ(symbols.size(), 3u);
}

}  // namespace
}  // namespace faqsmith
