// Strings, hashes and random numbers against published vectors and plain definitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/rng.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

using testing::ElementsAre;

TEST(JsonText, WritesWhatItReads) {
  EXPECT_EQ(json_text(parse_json(R"({"b": 1, "a": [true, 0.1, "é"]})")), R"({"a":[true,0.1,"é"],"b":1})");
  EXPECT_EQ(json_text(parse_ordered_json(R"({"b": 1, "a": null})"), 1), "{\n \"b\": 1,\n \"a\": null\n}");
  EXPECT_EQ(json_ascii(parse_json(R"("é")")), R"("\u00e9")");
}

TEST(JsonText, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(json_text(nlohmann::json("a\xff")), "\"a\uFFFD\"");
}

TEST(JsonText, WhatIsNoJsonThrowsOrIsDiscarded) {
  EXPECT_THROW((void)parse_json("{"), nlohmann::json::parse_error);
  EXPECT_THROW((void)parse_ordered_json(""), nlohmann::json::parse_error);
  EXPECT_TRUE(try_parse_json("[1,]").is_discarded());
  EXPECT_TRUE(try_parse_ordered_json("").is_discarded());
  EXPECT_EQ(try_parse_json("[1]").size(), 1u);
}

TEST(Strings, SplitKeepsEmptyParts) {
  EXPECT_THAT(split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_EQ(join({"a", "", "b"}, "--"), "a----b");
}

TEST(Strings, TrimTakesAsciiWhiteSpaceOnly) {
  EXPECT_EQ(trim(" \t\r\n a b \v\f"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim("\u00a0a"), "\u00a0a");
  EXPECT_EQ(lower_ascii("ÄBC-xyz"), "Äbc-xyz");
}

TEST(Strings, ReplaceAllDoesNotReplaceWhatItPutIn) {
  EXPECT_EQ(replace_all("aaa", "a", "aa"), "aaaaaa");
  EXPECT_EQ(replace_all("abab", "ab", ""), "");
  EXPECT_EQ(replace_all("abc", "", "x"), "abc");
}

TEST(Strings, DidYouMeanSuggestsNearWordsOnly) {
  const std::vector<std::string> settings = {"train.steps", "train.epochs", "model"};
  EXPECT_EQ(did_you_mean("train.stpes", settings), "train.steps");
  EXPECT_EQ(did_you_mean("mdoel", settings), "model");
  EXPECT_EQ(did_you_mean("unrelated-thing", settings), "");
}

TEST(Strings, HumanFigures) {
  EXPECT_EQ(human_count(950), "950");
  EXPECT_EQ(human_count(12'345), "12.3k");
  EXPECT_EQ(human_count(4'560'000), "4.56M");
  EXPECT_EQ(human_bytes(950), "950 B");
  EXPECT_EQ(human_bytes(12.5 * 1024 * 1024), "12.5 MiB");
  EXPECT_EQ(human_seconds(42.4), "42s");
  EXPECT_EQ(human_seconds(200), "3m 20s");
  EXPECT_EQ(human_seconds(3900), "1h 05m");
  EXPECT_EQ(human_seconds(-1), "0s");
}

// FIPS 180-4, appendix B.
TEST(Hash, Sha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 stream;
  stream.update("a");
  stream.update("");
  stream.update("bc");
  EXPECT_EQ(stream.hex(), sha256_hex("abc"));
}

TEST(Hash, Hash64DependsOnBytesAndSeed) {
  EXPECT_EQ(hash64("the same"), hash64("the same"));
  EXPECT_NE(hash64("the same"), hash64("the samf"));
  EXPECT_NE(hash64("the same", 1), hash64("the same", 2));
  EXPECT_EQ(hash64(""), 0x2d06800538d394c2ULL) << "XXH3 of no bytes, as its specification states";
}

// Written by the authors' xoshiro256starstar.c and splitmix64.c (state seeded by four SplitMix64 outputs of 1234567:
// 6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431).
TEST(Rng, SeedsAsSplitMix64) {
  EXPECT_THAT(Rng(1234567).state(), ElementsAre(6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
                                                4593380528125082431ULL));
}

TEST(Rng, DrawsAsXoshiro256StarStar) {
  Rng rng(0);
  rng.restore({1, 2, 3, 4});
  // By hand from rotl(s[1] * 5, 7) * 9: 2 * 5 = 10, << 7 = 1280, * 9 = 11520; then s[1] is 2 ^ 1 ^ 3 = 0.
  EXPECT_EQ(rng.next(), 11520u);
  EXPECT_EQ(rng.next(), 0u);
  EXPECT_EQ(rng.next(), 1509978240u);
}

TEST(Rng, StateSavedIsStateRestored) {
  Rng a(7);
  (void)a.normal();
  Rng b(8);
  b.restore(a.state());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

TEST(Rng, BelowIsUniform) {
  Rng rng(3);
  std::map<std::uint64_t, int> seen;
  for (int i = 0; i < 70'000; ++i) ++seen[rng.below(7)];
  ASSERT_EQ(seen.size(), 7u);
  for (const auto& [value, n] : seen) EXPECT_NEAR(n, 10'000, 500) << value;  // five standard deviations
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(5);
  double sum = 0, normal = 0, normal_squares = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform(), z = rng.normal();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    normal += z;
    normal_squares += z * z;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(normal / kDraws, 0, 0.016);
  EXPECT_NEAR(normal_squares / kDraws, 1, 0.023);
}

TEST(Rng, ShuffleIsAPermutationThatTheSeedDecides) {
  std::vector<int> a(100), sorted(100);
  std::iota(a.begin(), a.end(), 0);
  sorted = a;
  auto b = a;
  Rng(1).shuffle(a);
  Rng(1).shuffle(b);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, sorted);
  EXPECT_THAT(a, testing::UnorderedElementsAreArray(sorted));
  EXPECT_NE(mix_seed(1, 2), mix_seed(2, 1));
}

TEST(Error, RequireNamesTheInvariant) {
  EXPECT_NO_THROW(require(true, "rows fit"));
  try {
    require(false, "rows fit");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Internal);
    EXPECT_THAT(e.what(), testing::HasSubstr("rows fit"));
  }
}

}  // namespace
}  // namespace faqsmith
