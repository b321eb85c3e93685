// Patterns match whole names, say what is wrong with them, and end.
#include "text/name_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace faqsmith {
namespace {

TEST(NamePattern, MatchesAWholeNameOrNotAtAll) {
  const NamePattern pattern(R"(.*\.(0|1[0-2])\..*(q|v)_proj)");
  EXPECT_TRUE(pattern.matches("model.layers.0.self_attn.q_proj"));
  EXPECT_TRUE(pattern.matches("model.layers.11.self_attn.v_proj"));
  EXPECT_FALSE(pattern.matches("model.layers.13.self_attn.v_proj"));
  EXPECT_FALSE(pattern.matches("model.layers.0.self_attn.q_proj.weight"));
  EXPECT_TRUE(pattern.matches("model.layers.0.self_attn.q_proj"));  // a pattern keeps no place from the match before
  EXPECT_FALSE(pattern.matches(""));
}

TEST(NamePattern, SaysWhereItIsWrong) {
  for (const char* wrong : {"", "(", "a{2", "*", "[a", "\xff"}) EXPECT_THROW(NamePattern{wrong}, Error) << wrong;
  try {
    const NamePattern taken{"model.(q_proj"};
    ADD_FAILURE() << "took an open bracket";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("model.(q_proj"));
  }
}

TEST(NamePattern, EndsWhereBacktrackingWouldNot) {
  const NamePattern pattern("(a*)*(a*)*(a*)*b");
  EXPECT_THROW((void)pattern.matches(std::string(64, 'a')), Error);
  EXPECT_THROW(NamePattern{std::string(100000, 'a')}, Error);
}

}  // namespace
}  // namespace faqsmith
