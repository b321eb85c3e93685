// Added tokens against a search by definition: the leftmost place, there the longest token.
#include "text/added_tokens.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace faqsmith {
namespace {

std::optional<AddedTokens::Match> find_by_definition(const std::vector<AddedTokens::Token>& tokens,
                                                     std::string_view text, std::size_t from) {
  for (std::size_t at = from; at < text.size(); ++at) {
    std::optional<AddedTokens::Match> best;
    for (const auto& token : tokens) {
      if (!text.substr(at).starts_with(token.text)) continue;
      if (!best || at + token.text.size() > best->end) best = {at, at + token.text.size(), token.id};
    }
    if (best) return best;
  }
  return std::nullopt;
}

TEST(AddedTokens, FindsTheLongestAtTheLeftmostPlace) {
  Rng rng(11);
  for (int round = 0; round < 2000; ++round) {
    const auto word = [&](std::uint64_t longest) {
      std::string out;
      for (std::uint64_t i = 1 + rng.below(longest); i > 0; --i) out += static_cast<char>('a' + rng.below(3));
      return out;
    };
    std::vector<AddedTokens::Token> tokens;
    for (std::uint64_t i = 1 + rng.below(6); i > 0; --i) tokens.push_back({word(5), static_cast<TokenId>(i)});
    const AddedTokens added(tokens);
    const std::string text = word(30);
    for (std::size_t from = 0; from <= text.size(); ++from) {
      const auto found = added.find(text, from), expected = find_by_definition(tokens, text, from);
      ASSERT_EQ(found.has_value(), expected.has_value()) << text;
      if (!found) continue;
      EXPECT_EQ(found->begin, expected->begin);
      EXPECT_EQ(found->end, expected->end);
      EXPECT_EQ(found->id, expected->id);
    }
  }
}

TEST(AddedTokens, FindsNothingWithoutTokens) {
  EXPECT_TRUE(AddedTokens().empty());
  EXPECT_FALSE(AddedTokens().find("abc", 0));
}

}  // namespace
}  // namespace faqsmith
