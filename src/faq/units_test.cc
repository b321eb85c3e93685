// Sentence and block boundaries.
#include "faq/units.h"

#include <gtest/gtest.h>

namespace faqsmith {
namespace {

std::vector<std::string> texts(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

TEST(Sentences, EndAtMarksAndNotInsideNamesOrAbbreviations) {
  const std::string text =
      "Version 2.1 of foo.deb is out, e.g. for Debian. It works with J. Doe's tool! Does it? (Yes.) See etc. for more";
  EXPECT_EQ(texts(sentences_of(text)),
            (std::vector<std::string>{"Version 2.1 of foo.deb is out, e.g. for Debian.", "It works with J. Doe's tool!",
                                      "Does it?", "(Yes.)", "See etc. for more"}));
}

TEST(Sentences, CloseTheirQuotesAndTakeWideMarks) {
  EXPECT_EQ(texts(sentences_of("He said \"stop.\" Then he left.")),
            (std::vector<std::string>{"He said \"stop.\"", "Then he left."}));
  EXPECT_EQ(sentences_of("\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82\xE5\x86\x8D\xE8\xA7\x81\xE3\x80\x82").size(), 2U);
}

TEST(Units, KnowSentencesItemsCodeAndRows) {
  const std::string section =
      "Use this command. It lists\nfiles:\n\n```\ndpkg -L foo\n\nls\n```\n\n- one item\n- another\n\nName | Size\n8B | "
      "8k";
  const auto units = units_of(section);
  ASSERT_EQ(units.size(), 7U);
  EXPECT_EQ(units[1].text, "It lists\nfiles:");
  EXPECT_EQ(units[2].kind, UnitKind::Code);
  EXPECT_EQ(units[2].text, "```\ndpkg -L foo\n\nls\n```");
  EXPECT_EQ(units[3].block, units[4].block);
  EXPECT_EQ(units[5].kind, UnitKind::Row);
  for (const Unit& unit : units) EXPECT_NE(section.find(unit.text), std::string::npos);
}

TEST(Units, OfALongLineTakeLinearTime) {
  const std::string line(2'000'000, '.');
  EXPECT_EQ(units_of(line).size(), 1U);
  EXPECT_EQ(units_of(std::string(300'000, '`')).size(), 1U);
}

TEST(Readable, DropsFencesAndKeepsLines) {
  EXPECT_EQ(readable("Run this:\n\n```\napt update\napt  upgrade\n```"), "Run this:\napt update\napt upgrade");
  EXPECT_EQ(readable("- a single item"), "a single item");
  EXPECT_EQ(readable("Two:\n- a\n- b"), "Two:\n- a\n- b");
  EXPECT_EQ(readable("a wrapped\nline"), "a wrapped line");
}

}  // namespace
}  // namespace faqsmith
