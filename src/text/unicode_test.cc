// Repair, NFC, invisible characters, case, words and sentences; hostile sizes run in linear time (hazards: one line of
// a GB, scaled).
#include "text/unicode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "base/rng.h"

namespace faqsmith {
namespace {

using testing::ElementsAre;

TEST(Utf8, RepairsByMaximalSubparts) {
  // Expected: Python 3, bytes.decode("utf-8", errors="replace").
  const std::string bad = "\xEF\xBF\xBD";
  std::size_t n = 0;
  EXPECT_EQ(repair_utf8("a\xE2\x82z", &n), "a" + bad + "z");
  EXPECT_EQ(n, 1u);
  EXPECT_EQ(repair_utf8("\xC0\xAF"), bad + bad);
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), bad + bad + bad);
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98"), bad);
  EXPECT_EQ(repair_utf8("\xF4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(repair_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), bad + bad + bad + bad + "A");
  EXPECT_EQ(repair_utf8("Größe 👍"), "Größe 👍");
}

TEST(Utf8, RepairsAnyBytesIntoValidText) {
  Rng rng(5);
  for (int round = 0; round < 500; ++round) {
    std::string raw;
    for (std::uint64_t i = rng.below(40); i > 0; --i) raw.push_back(static_cast<char>(rng.below(256)));
    const std::string repaired = repair_utf8(raw);
    EXPECT_TRUE(is_valid_utf8(repaired));
    EXPECT_EQ(repair_utf8(repaired), repaired);
    EXPECT_EQ(count_code_points(raw), count_code_points(repaired));
  }
}

TEST(Unicode, ComposesCanonically) {
  EXPECT_EQ(nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(nfc("\u212B"), "\u00C5");
  EXPECT_EQ(nfc("ﬁ"), "ﬁ");  // canonical only: compatibility characters stay
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("\xFFx"), "\uFFFDx");
}

TEST(Unicode, RemovesAndCountsWhatNobodySees) {
  InvisibleCounts counts;
  EXPECT_EQ(remove_invisible("a\u202Eb\u2066c\u200Bd\uFEFFe\u00ADf\x01g\x7Fh", &counts), "abcdefgh");
  EXPECT_EQ(counts.n_bidi, 2u);
  EXPECT_EQ(counts.n_zero_width, 3u);
  EXPECT_EQ(counts.n_control, 2u);
  EXPECT_EQ(remove_invisible("x\t\r\n y"), "x\t\r\n y");
  EXPECT_EQ(remove_invisible("a\u2028b\fc\u0085d"), "a\nb\nc\nd");
  EXPECT_EQ(remove_invisible("hi\U000E0049\U000E0067"), "hi");  // text smuggled in tag characters
}

TEST(Unicode, KeepsJoinersThatShapeTheirNeighbours) {
  EXPECT_EQ(remove_invisible("👩‍💻"), "👩‍💻");
  EXPECT_EQ(remove_invisible("می‌خواهم"), "می‌خواهم");
  EXPECT_EQ(remove_invisible("pass\u200Dword\u200C"), "password");
}

TEST(Unicode, CollapsesEveryKindOfSpace) {
  EXPECT_EQ(collapse_space("  a \t\r\n b\u00A0\u3000c  "), "a b c");
  EXPECT_EQ(collapse_space(" \n "), "");
}

TEST(Unicode, FoldsAndLowersCase) {
  EXPECT_EQ(fold_case("Straße ΣΊΣΥΦΟΣ"), fold_case("STRASSE σίσυφος"));
  EXPECT_EQ(lower_case("ÄÖÜ Debian"), "äöü debian");
}

TEST(Unicode, FindsWordsInManyScripts) {
  EXPECT_THAT(words("Don't panic: apt-get 2.1!"), ElementsAre("Don't", "panic", "apt", "get", "2.1"));
  EXPECT_THAT(words("…—!"), ElementsAre());
  EXPECT_GE(words("如何安装软件包").size(), 3u);
  EXPECT_THAT(words("Größe éa"), ElementsAre("Größe", "éa"));
}

TEST(Unicode, EndsSentencesWhereAReaderWould) {
  EXPECT_THAT(sentences("First one. Second one? Third!"), ElementsAre("First one.", "Second one?", "Third!"));
  EXPECT_THAT(sentences("Use a tool, e.g. Debian's apt. Then stop."),
              ElementsAre("Use a tool, e.g. Debian's apt.", "Then stop."));
  EXPECT_THAT(sentences("Mr. Smith met Dr. Jones. They spoke."),
              ElementsAre("Mr. Smith met Dr. Jones.", "They spoke."));
  EXPECT_THAT(sentences("See i.e. Section 2. Version 2.1.3 is out. Edit sources.list now."),
              ElementsAre("See i.e. Section 2.", "Version 2.1.3 is out.", "Edit sources.list now."));
  EXPECT_THAT(sentences("J. Smith wrote it. I. did not."), testing::Contains("J. Smith wrote it."));
  EXPECT_THAT(sentences("The answer is no. Try again."), ElementsAre("The answer is no.", "Try again."));
  EXPECT_THAT(sentences("今日は晴れです。明日は雨です。"), ElementsAre("今日は晴れです。", "明日は雨です。"));
  EXPECT_THAT(sentences("Ends with Mr."), ElementsAre("Ends with Mr."));
  EXPECT_THAT(sentences("  "), ElementsAre());
}

// Ten times the text must cost about ten times the time, not a hundred.
void expect_linear(const std::function<void(const std::string&)>& work, const std::string& unit, std::size_t n_units) {
  const auto seconds = [&](std::size_t n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += unit;
    const auto start = std::chrono::steady_clock::now();
    work(text);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double small = seconds(n_units), large = seconds(10 * n_units);
  EXPECT_LT(large, 40 * small + 0.3) << unit;
}

TEST(Unicode, StaysLinearOnOneEndlessLine) {
  for (const char* unit : {"word ", "x", "e\u0301", "\xFF", "\u202E\u200D", "Mr. A. ", "漢字"}) {
    expect_linear([](const std::string& t) { (void)repair_utf8(t); }, unit, 40'000);
    expect_linear([](const std::string& t) { (void)nfc(t); }, unit, 40'000);
    expect_linear([](const std::string& t) { (void)remove_invisible(t); }, unit, 40'000);
    expect_linear([](const std::string& t) { (void)collapse_space(t); }, unit, 40'000);
    expect_linear([](const std::string& t) { (void)fold_case(t); }, unit, 40'000);
    expect_linear([](const std::string& t) { (void)sentences(repair_utf8(t)); }, unit, 10'000);
    expect_linear([](const std::string& t) { (void)words(repair_utf8(t)); }, unit, 10'000);
  }
}

}  // namespace
}  // namespace faqsmith
