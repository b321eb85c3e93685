// The chooser on three facts: what search can tip, and what it must leave alone.
#include "faq/choice.h"

#include <gtest/gtest.h>

#include "faq/refusal.h"

namespace faqsmith {
namespace {

FactRow fact(RowId id, const std::string& heading, const std::string& answer) {
  FactRow row;
  row.id = id;
  row.origin = "harvest";
  row.heading = heading;
  row.answer = row.quote = answer;
  return row;
}

class ChoiceTest : public testing::Test {
 protected:
  std::vector<FactRow> make_facts() const {
    std::vector<FactRow> facts = {fact(1, "How do I keep a package from being upgraded?", hold_),
                                  fact(2, "How do I change the font of the console?", font_),
                                  fact(3, "How do I donate money?", donate_)};
    for (RowId id = 4; id < 60; ++id) {  // a word tells little among three facts, much among sixty
      const std::string n = std::to_string(id);
      facts.push_back(fact(id, "What is part " + n + "?", "Part " + n + " belongs to set " + n + "."));
    }
    return facts;
  }
  const std::string hold_ = "Mark it with apt-mark hold followed by its name.";
  const std::string font_ = "Run dpkg-reconfigure console-setup and choose another size.";
  const std::string donate_ = "Donations go through a non-profit organisation.";
  Database db_{":memory:"};
  std::vector<FactRow> facts_ = make_facts();
  AnswerChooser chooser_{db_, facts_, {}, [](const FactRow& row) { return row.id == 2 ? "Terminal" : ""; }};
};

TEST_F(ChoiceTest, SearchTipsACloseDecision) {
  EXPECT_EQ(chooser_.choose("console font", {{hold_, -1.0}, {font_, -2.5}, {donate_, -3.0}}), 1U);
  EXPECT_EQ(chooser_.choose("console font", {{font_, -1.0}, {hold_, -1.2}}), 0U);
}

TEST_F(ChoiceTest, HeadingsCountAsTheFactsWords) {
  EXPECT_EQ(chooser_.choose("terminal", {{hold_, -1.0}, {font_, -1.5}}), 1U);
}

TEST_F(ChoiceTest, ASureModelIsLeftAlone) {
  EXPECT_EQ(chooser_.choose("console font", {{hold_, -0.1}, {font_, -25.0}}), 0U);
}

TEST_F(ChoiceTest, ARefusalStandsAndIsNeverChosenLater) {
  EXPECT_EQ(chooser_.choose("console font", {{std::string(kRefusal), -0.5}, {font_, -1.0}}), 0U);
  EXPECT_EQ(chooser_.choose("console font", {{hold_, -9.0}, {std::string(kRefusal), -0.1}}), 0U);
}

TEST_F(ChoiceTest, WithoutAWordInCommonTheModelDecides) {
  EXPECT_EQ(chooser_.choose("zzz", {{hold_, -1.0}, {font_, -0.5}}), 1U);
  EXPECT_EQ(chooser_.choose("", {{hold_, -1.0}}), 0U);
  EXPECT_EQ(chooser_.choose("console", {}), 0U);
}

}  // namespace
}  // namespace faqsmith
