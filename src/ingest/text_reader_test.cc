// Plain text: layout tells headings, lists, code and wrapped paragraphs.
#include "ingest/text_reader.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ingest/document_shape_test.h"

namespace faqsmith {
namespace {

TEST(Text, UnderlinedCapitalAndNumberedLinesAreHeadings) {
  EXPECT_EQ(shape(read_text("Guide\n=====\n\nFirst\n-----\nText here.\n\nOPENING HOURS\n\nNine to five.\n\n2.1 "
                            "Shipping abroad\n\nWe ship.\n")),
            "h1 Guide|h2 First|p Text here.|h2 OPENING HOURS|p Nine to five.|h3 Shipping abroad|p We ship.");
}

TEST(Text, WrappedLinesAreJoinedAndHyphensStay) {
  EXPECT_EQ(shape(read_text("One line that goes\non here, models-and-\nlibraries too.\r\n\r\nNext.\r\n")),
            "p One line that goes on here, models-and-libraries too.|p Next.");
}

TEST(Text, QuestionWithItsAnswerBelowIsAHeading) {
  EXPECT_EQ(shape(read_text("How do I log in?\nUse your mail address.\n\n1. What is it?\n\nA thing.\n")),
            "h6 How do I log in?|p Use your mail address.|h2 What is it?|p A thing.");
}

TEST(Text, ItemsAndClausesAreKeptApart) {
  EXPECT_EQ(shape(read_text("You need:\n- a key\n  of steel\n- a door\n\n2. Additional Terms. If you are\nlarge, "
                            "ask.\n\n3. If you are small, do not.\n")),
            "p You need:|li1 a key of steel|li1 a door|h2 Additional Terms|p If you are large, ask.|li1 If you are "
            "small, do not.");
}

TEST(Text, IndentedCommandsAreCode) {
  EXPECT_EQ(shape(read_text("Run:\n\n    make install DESTDIR=/tmp\n      && echo $HOME\n\nDone.\n")),
            "p Run:|code make install DESTDIR=/tmp\n  && echo $HOME|p Done.");
}

TEST(Text, RepeatedPageHeadersGo) {
  const Document d = read_text("A.\n\nACME Manual v1\n\nB.\n\nACME Manual v1\n\nC.\n\nACME Manual v1\n\nD.\n");
  EXPECT_EQ(shape(d), "p A.|p B.|p C.|p D.");
  EXPECT_EQ(d.dropped.at("furniture"), 3);
}

TEST(Text, InvalidBytesAndUtf16AreRead) {
  EXPECT_EQ(shape(read_text(std::string_view("\xFF\xFEh\0i\0\n\0", 8))), "p hi");
  EXPECT_EQ(shape(read_text("na\xEFve")), "p na\xC3\xAFve");
}

TEST(Text, HugeLineAndManyLinesTakeLinearTime) {
  const auto begin = std::chrono::steady_clock::now();
  std::string huge;
  huge.resize(std::size_t{20} << 20, 'x');
  EXPECT_EQ(read_text(huge).blocks.size(), 1U);
  std::string many;
  for (int i = 0; i < 200000; ++i) many += "line " + std::to_string(i) + "\n\n";
  EXPECT_EQ(read_text(many).blocks.size(), 200000U);
  (void)read_text(std::string(2'000'000, '\n'));
  (void)read_text(std::string(2'000'000, '-'));
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 20.0);
}

}  // namespace
}  // namespace faqsmith
