// Rule wordings: what they promise about their number, their words and their seed.
#include "faq/reframe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "faq/words.h"

namespace faqsmith {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

TEST(Reframe, TurnsHowToQuestionsIntoTheirOtherOpenings) {
  const auto openings = other_openings("How do I put a package on hold?");
  EXPECT_THAT(openings, Contains("how to put a package on hold"));
  EXPECT_THAT(openings, Contains("is there a way to put a package on hold"));
}

TEST(Reframe, AsksAboutHeadingsThatAskNothing) {
  EXPECT_THAT(other_openings("tasksel"), Contains("what is tasksel"));
  EXPECT_THAT(other_openings("Web forum"), Contains("tell me about web forum"));
}

TEST(Reframe, KeepsAcronymsInTheirCase) {
  EXPECT_THAT(other_openings("SPI"), Contains("explain SPI"));
}

TEST(Reframe, GivesDistinctWordingsThatAreNotTheQuestion) {
  const std::string question = "What is the difference between the old version and the latest release?";
  const auto wordings = reframe(question, 20, 7);
  EXPECT_EQ(wordings.size(), 20U);
  const std::set<std::string> distinct(wordings.begin(), wordings.end());
  EXPECT_EQ(distinct.size(), wordings.size());
  EXPECT_FALSE(distinct.contains(question));
  for (const auto& wording : wordings) EXPECT_FALSE(content_words(wording).empty()) << wording;
}

TEST(Reframe, IsAPureFunctionOfQuestionAndSeed) {
  const std::string question = "Where can I find information about the kernel?";
  EXPECT_EQ(reframe(question, 14, 3), reframe(question, 14, 3));
  EXPECT_NE(reframe(question, 14, 3), reframe(question, 14, 4));
}

TEST(Reframe, VariesAQuestionButKeepsATellingWord) {
  const std::string question = "Where can I find the archives of the mailing lists?";
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::string varied = vary(question, seed);
    EXPECT_FALSE(content_words(varied).empty()) << varied;
    EXPECT_EQ(varied, vary(question, seed));
    seen.insert(varied);
  }
  EXPECT_GT(seen.size(), 25U);
}

TEST(Reframe, MakesNothingOfNothing) {
  EXPECT_THAT(reframe("", 8, 1), IsEmpty());
  EXPECT_THAT(reframe("???", 8, 1), IsEmpty());
}

}  // namespace
}  // namespace faqsmith
