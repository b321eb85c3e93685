// The subset, its refusals and its bounds. tests/grammar_test.py holds it to Python's re on thousands of patterns.
#include "infer/regex.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "infer/grammar.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

bool matches(const std::string& pattern, std::string_view text) {
  const Grammar grammar = Grammar::of_regex(pattern);
  GrammarState state(grammar);
  return state.advance(text) && state.may_end();
}

std::string refusal_of(const std::string& pattern) {
  try {
    (void)Grammar::of_regex(pattern);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::User);
    return e.what();
  }
  return "";
}

TEST(Regex, MatchesWhatItsPartsMean) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("a|b||cd", "cd"));
  EXPECT_TRUE(matches("a|b||cd", ""));
  EXPECT_TRUE(matches("(?:ab)+(?<name>c)?", "ababc"));
  EXPECT_FALSE(matches("(?:ab)+c?", "abca"));
  EXPECT_TRUE(matches("a{2,3}b{0}c{2,}", "aacccc"));
  EXPECT_FALSE(matches("a{2,3}", "aaaa"));
  EXPECT_TRUE(matches("a+?b*?", "aab"));
  EXPECT_TRUE(matches("[a-c\\-x\\]]+", "ab-]x"));
  EXPECT_TRUE(matches("[^a-c]", "d"));
  EXPECT_FALSE(matches("[^a-c]", "b"));
  EXPECT_TRUE(matches("[-a]b[a-]", "-b-"));
  EXPECT_TRUE(matches(R"(\d\D\w\W\s\S)", "1x_- \xC3\xA9"));
  EXPECT_TRUE(matches(R"(\x41\u00e9\u{1F600}\.\/\$)", "A\xC3\xA9\xF0\x9F\x98\x80./$"));
  EXPECT_TRUE(matches("^ab$|^cd$", "cd"));
  EXPECT_FALSE(matches(".", "\n"));
  EXPECT_TRUE(matches("(a*)*b", "aaab"));
  EXPECT_TRUE(matches("]}", "]}"));
}

TEST(Regex, TakesWholeCharactersAndOnlyWellFormedOnes) {
  EXPECT_TRUE(matches(".", "\xE2\x82\xAC"));
  EXPECT_TRUE(matches("[\xC3\xA0-\xC3\xBF]{2}", "\xC3\xA9\xC3\xA8"));
  EXPECT_FALSE(matches(".", "\xE2\x82"));
  EXPECT_FALSE(matches("[^a]+", "\xED\xA0\x80"));  // a surrogate
  EXPECT_FALSE(matches("[^a]+", "\xC0\xAF"));      // overlong
  EXPECT_FALSE(matches("[^a]+", "\xF4\x90\x80\x80"));
  // Every character is in its own class and not in the neighbour's: all encoded lengths and borders.
  Rng rng(3);
  std::vector<char32_t> codes = {0,      0x7F,   0x80,    0x7FF,   0x800,   0xFFF,   0x1000,   0xD7FF,
                                 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF};
  for (int i = 0; i < 200; ++i) codes.push_back(static_cast<char32_t>(rng.below(0x110000)));
  const auto text_of = [](char32_t c) {
    std::string out;
    append_utf8(out, c);
    return out;
  };
  for (const char32_t code : codes) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    for (int k = 0; k < 4; ++k) {
      char32_t low = static_cast<char32_t>(rng.below(0x110000)), high = static_cast<char32_t>(rng.below(0x110000));
      if (low > high) std::swap(low, high);
      const auto surrogate = [](char32_t c) { return c >= 0xD800 && c <= 0xDFFF; };
      if (surrogate(low) || surrogate(high)) continue;
      const bool inside = code >= low && code <= high;
      const std::string pattern =
          fmt::format("[\\u{{{:x}}}-\\u{{{:x}}}]", static_cast<unsigned>(low), static_cast<unsigned>(high));
      EXPECT_EQ(matches(pattern, text_of(code)), inside) << pattern << " " << static_cast<unsigned>(code);
    }
  }
}

TEST(Regex, RefusesByNameWhatIsNoRegularLanguageOrUnclear) {
  const std::pair<const char*, const char*> kRefused[] = {
      {"a(?=b)", "character 2: lookahead"},
      {"a(?!b)", "lookahead"},
      {"(?<=a)b", "lookbehind"},
      {"(?<!a)b", "lookbehind"},
      {R"((a)\1)", "character 4: a back-reference"},
      {R"((?<n>a)\k<n>)", "back-reference"},
      {"(?P=n)", "back-reference"},
      {R"(\bword)", "word border"},
      {R"(\p{L})", "Unicode property"},
      {"(?i)a", "flags"},
      {"(?>a)", "atomic group"},
      {"(?#x)a", "comment"},
      {"a++", "possessive"},
      {"a**", "repetition of a repetition"},
      {"*a", "nothing to repeat"},
      {"a|+", "nothing to repeat"},
      {"(a", "a ( that is not closed"},
      {"a)", "a ) that closes nothing"},
      {"[a", "a [ that is not closed"},
      {"[]", "an empty class"},
      {"[^]", "an empty class"},
      {R"([^\s\S])", "a class without a character"},
      {"[z-a]", "ends are exchanged"},
      {R"([\d-z])", "a range between classes"},
      {"a{,3}", "a { that is no {m}"},
      {"a{x}", "a { that is no {m}"},
      {"{3}", "a { that repeats nothing"},
      {"a{3,2}", "bounds are exchanged"},
      {"a{2001}", "a repetition above 2000"},
      {"a{99999999999999999999}", "a repetition above 2000"},
      {"a^b", "anchor inside"},
      {"a$b", "anchor inside"},
      {"(^a)", "anchor inside"},
      {R"(\q)", "this escape"},
      {R"(\)", "backslash at the end"},
      {R"(\x4)", "2 hexadecimal digits"},
      {R"(\ud800)", "this is no character"},
      {R"(\u{110000})", "this is no character"},
      {R"(\u{})", "a code point is"},
      {R"(\07)", "octal"},
      {"\xFF", "not valid UTF-8"},
  };
  for (const auto& [pattern, what] : kRefused)
    EXPECT_NE(refusal_of(pattern).find(what), std::string::npos) << pattern << "\n" << refusal_of(pattern);
}

TEST(Regex, WhatWouldGrowWithoutBoundIsRefusedAtOnce) {
  EXPECT_NE(refusal_of("((a{1000}){1000}){1000}").find("more than 200000 steps"), std::string::npos);
  EXPECT_NE(refusal_of("((){2000}){2000}").find("more than 200000 steps"), std::string::npos);
  EXPECT_NE(refusal_of(".*a.{40}").find("more than"), std::string::npos);
  EXPECT_NE(refusal_of("(a|b|ab)*(a|bb|c).{25}(x|.){30}").find("more than"), std::string::npos);
  EXPECT_NE(refusal_of(std::string(20'001, 'a')).find("longer than 20000 bytes"), std::string::npos);
  EXPECT_NE(refusal_of(std::string(101, '(') + std::string(101, ')')).find("more than 100 groups"), std::string::npos);
  EXPECT_EQ(refusal_of(std::string(99, '(') + "a" + std::string(99, ')')), "");
  // What makes a backtracking matcher take exponential time.
  std::string text(5000, 'a');
  EXPECT_TRUE(matches("(a|a)*", text));
  EXPECT_FALSE(matches("(a*)*b", text));
  EXPECT_FALSE(matches("(a+)+b", text));
}

TEST(Regex, AWholeReplyCanAlwaysBeClosed) {
  Rng rng(9);
  for (const char* pattern :
       {"[A-Z]{3}-[0-9]{4}", "(yes|no|may be)( \xE2\x82\xAC[1-9][0-9]*)?", "(.|\\n){5,}end", "\xF0\x9F\x98\x80+"}) {
    const Grammar grammar = Grammar::of_regex(pattern);
    for (int run = 0; run < 40; ++run) {
      GrammarState state(grammar);
      std::string text;
      for (int step = 0; step < 30 && !state.must_end(); ++step) {
        ASSERT_TRUE(matches(pattern, text + state.closing())) << text << state.closing();
        const std::size_t first = rng.below(256);
        for (std::size_t i = 0; i < 256; ++i) {
          const char byte = static_cast<char>((first + i * 77) % 256);
          GrammarState next = state;
          if (!next.advance({&byte, 1})) continue;
          state = next;
          text += byte;
          break;
        }
      }
    }
  }
}

}  // namespace
}  // namespace faqsmith
