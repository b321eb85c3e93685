// SentencePiece BPE: Llama 2's vocabulary against an independent implementation (golden ids), the merging against its
// definition, and what a text must survive.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/rng.h"
#include "text/golden_tokenizer_test.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// <unk>, <s>, </s>, the bytes, then ▁ and some letters and joins; scores fall with the id.
TokenizerSpec tiny_spec() {
  TokenizerSpec spec;
  spec.model = "llama";
  spec.space_prefix = SpacePrefix::Text;
  spec.tokens = {"<unk>", "<s>", "</s>"};
  spec.token_types = {kUnknownToken, kControlToken, kControlToken};
  constexpr const char* kHex = "0123456789ABCDEF";
  for (int b = 0; b < 256; ++b) spec.tokens.push_back(std::string("<0x") + kHex[b / 16] + kHex[b % 16] + ">");
  spec.token_types.resize(spec.tokens.size(), kByteToken);
  for (const char* piece : {"▁", "a", "b", "c", "ab", "▁a", "bc", "abc", "▁▁", "▁ab", "é"})
    spec.tokens.emplace_back(piece);
  spec.token_types.resize(spec.tokens.size(), kNormalToken);
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) spec.scores.push_back(-static_cast<float>(i));
  spec.unknown = 0;
  spec.bos = 1;
  spec.eos = 2;
  return spec;
}

const GoldenTokenizer& llama2() {
  static const GoldenTokenizer golden = read_golden_llama2();
  return golden;
}

std::string random_text(Rng& rng, std::uint64_t longest) {
  static constexpr char32_t kSome[] = {U' ',  U' ', U'a', U'b', U'c',  U'e', U't',  U'h',
                                       U'\n', U'1', U'.', U'é', U'漢', U'😀', 0x301, 0x1D7D9};
  std::string out;
  for (std::uint64_t i = rng.below(longest); i > 0; --i) {
    const char32_t any = static_cast<char32_t>(rng.below(0x3000));
    const char32_t c = rng.below(4) == 0 ? any : kSome[rng.below(std::size(kSome))];
    if (c != 0x2581) append_utf8(out, c);
  }
  return out;
}

TEST(SentencePieceBpe, GivesTheIdsOfAnIndependentImplementation) {
  const Tokenizer tokenizer(llama2().spec);
  ASSERT_GE(llama2().cases.size(), 1400u);
  for (const GoldenCase& c : llama2().cases) EXPECT_EQ(tokenizer.encode(c.bytes), c.ids) << c.bytes;
}

TEST(SentencePieceBpe, GivesTheSameIdsByHuggingFacesMerges) {
  TokenizerSpec spec = llama2().spec;
  spec.merges = merges_of_scores(spec);
  EXPECT_EQ(spec.merges.size(), 61249u);
  const Tokenizer tokenizer(std::move(spec));
  for (const GoldenCase& c : llama2().cases) EXPECT_EQ(tokenizer.encode(c.bytes), c.ids) << c.bytes;
}

TEST(SentencePieceBpe, DecodesWhatItEncoded) {
  const Tokenizer tokenizer(llama2().spec);
  Rng rng(9);
  std::vector<std::string> texts = {"",      " ",           "  ",       " a",         "a ",           "\n",
                                    "\n a",  "Hello world", "a  b   c", "▸ x\u00a0y", "😀👍🏽", "<s>",
                                    "<0x41>"};
  for (const GoldenCase& c : llama2().cases) texts.push_back(c.bytes);
  for (int i = 0; i < 3000; ++i) texts.push_back(random_text(rng, 60));
  for (const std::string& text : texts) {
    if (text.find("▁") != std::string::npos) continue;
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

// Pieces put together as a stream of bytes: the space before the first word goes, all others stay.
TEST(SentencePieceBpe, StreamsTheBytesOfATextTokenByToken) {
  const Tokenizer tokenizer(llama2().spec);
  Rng rng(10);
  for (int i = 0; i < 500; ++i) {
    const std::string text = random_text(rng, 80);
    std::string streamed, middle;
    bool first = true;
    for (const TokenId id : tokenizer.encode(text))
      streamed += first ? tokenizer.first_token_bytes(id) : tokenizer.token_bytes(id), first = false;
    for (const TokenId id : tokenizer.encode(text, TextPlace::Middle)) middle += tokenizer.token_bytes(id);
    EXPECT_EQ(middle, text);
    EXPECT_EQ(streamed, text);
  }
}

// Joins the pair whose text has the highest score, leftmost first, by searching all pairs each time.
std::vector<TokenId> merge_by_definition(const TokenizerSpec& spec, const std::string& text) {
  std::map<std::string, TokenId> ids;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    if (spec.token_types[i] == kNormalToken) ids.emplace(spec.tokens[i], static_cast<TokenId>(i));
  }
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = decode_utf8(text, at).n_bytes;
    parts.push_back(text.substr(at, n) == " " ? "▁" : text.substr(at, n));
    at += n;
  }
  while (true) {
    std::size_t best = parts.size();
    float best_score = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ids.find(parts[i] + parts[i + 1]);
      if (found == ids.end()) continue;
      const float score = spec.scores[static_cast<std::size_t>(found->second)];
      if (best < parts.size() && score <= best_score) continue;
      best = i;
      best_score = score;
    }
    if (best == parts.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<TokenId> out;
  for (const std::string& part : parts) {
    if (const auto found = ids.find(part); found != ids.end()) {
      out.push_back(found->second);
    } else {
      for (const char c : part) out.push_back(3 + static_cast<unsigned char>(c));
    }
  }
  return out;
}

TEST(SentencePieceBpe, FollowsTheDefinitionOnRandomVocabularies) {
  Rng rng(12);
  for (int round = 0; round < 300; ++round) {
    TokenizerSpec spec = tiny_spec();
    spec.space_prefix = SpacePrefix::None;
    const auto word = [&](std::uint64_t longest, const char* space) {
      std::string out;
      for (std::uint64_t i = 1 + rng.below(longest); i > 0; --i) {
        const std::uint64_t which = rng.below(5);
        out += which == 0 ? space : std::string(1, static_cast<char>('a' + which));  // 'e' is no token: bytes
      }
      return out;
    };
    for (int i = 0; i < 30; ++i) {
      std::string piece = word(4, "▁");
      if (std::find(spec.tokens.begin(), spec.tokens.end(), piece) != spec.tokens.end()) continue;
      spec.tokens.push_back(std::move(piece));
      spec.token_types.push_back(kNormalToken);
      spec.scores.push_back(-static_cast<float>(rng.below(12)));  // many are equal
    }
    const Tokenizer tokenizer(spec);
    for (int i = 0; i < 30; ++i) {
      const std::string text = word(i < 25 ? 30 : 200, " ");
      EXPECT_EQ(tokenizer.encode(text), merge_by_definition(spec, text)) << text;
    }
  }
}

TEST(SentencePieceBpe, PutsTheSpaceWhereItsSourcesDo) {
  TokenizerSpec spec = tiny_spec();
  spec.tokens.emplace_back("[X]");
  spec.token_types.push_back(kUserDefinedToken);
  spec.scores.push_back(0);
  const auto text_of = [&](SpacePrefix prefix, const char* text, TextPlace place = TextPlace::Start) {
    spec.space_prefix = prefix;
    const Tokenizer tokenizer(spec);
    std::string out;
    for (const TokenId id : tokenizer.encode(text, place)) out += tokenizer.token_bytes(id);
    return out;
  };
  for (const SpacePrefix prefix : {SpacePrefix::Text, SpacePrefix::Each}) EXPECT_EQ(text_of(prefix, " a"), "  a");
  for (const SpacePrefix prefix : {SpacePrefix::FirstIfMissing, SpacePrefix::EachIfMissing})
    EXPECT_EQ(text_of(prefix, " a"), " a");
  EXPECT_EQ(text_of(SpacePrefix::Text, "a[X]b"), " a[X]b");
  EXPECT_EQ(text_of(SpacePrefix::Text, "[X]b"), " [X]b");
  EXPECT_EQ(text_of(SpacePrefix::Each, "a[X]b"), " a[X] b");
  EXPECT_EQ(text_of(SpacePrefix::Each, "[X] b"), "[X]  b");
  EXPECT_EQ(text_of(SpacePrefix::FirstIfMissing, "a[X]b"), " a[X]b");
  EXPECT_EQ(text_of(SpacePrefix::FirstIfMissing, "[X]b"), "[X]b");
  EXPECT_EQ(text_of(SpacePrefix::EachIfMissing, "a[X]b[X] c"), " a[X] b[X] c");
  EXPECT_EQ(text_of(SpacePrefix::None, "a[X]b"), "a[X]b");
  for (const SpacePrefix prefix :
       {SpacePrefix::Text, SpacePrefix::Each, SpacePrefix::EachIfMissing, SpacePrefix::FirstIfMissing}) {
    EXPECT_EQ(text_of(prefix, "a", TextPlace::Middle), "a");
    EXPECT_EQ(text_of(prefix, "a", TextPlace::AfterControl), prefix == SpacePrefix::FirstIfMissing ? "a" : " a");
    EXPECT_EQ(text_of(prefix, ""), "");
  }
}

TEST(SentencePieceBpe, NeverMakesControlUnknownOrByteTokensOfTheirNames) {
  const Tokenizer tokenizer(llama2().spec);
  for (std::size_t i = 0; i < 259; ++i) {
    const std::string& name = llama2().spec.tokens[i];
    for (const TokenId id : tokenizer.encode(name + name)) EXPECT_GE(id, 259) << name;
  }
  EXPECT_TRUE(tokenizer.is_control(1));
  EXPECT_EQ(tokenizer.control_id("</s>"), 2);
}

TEST(SentencePieceBpe, FallsBackToBytesAndBack) {
  const Tokenizer tokenizer(tiny_spec());
  EXPECT_THAT(tokenizer.encode("d", TextPlace::Middle), ElementsAre(3 + 'd'));
  EXPECT_THAT(tokenizer.encode("漢", TextPlace::Middle), ElementsAre(3 + 0xE6, 3 + 0xBC, 3 + 0xA2));
  EXPECT_EQ(tokenizer.decode({3 + 0xE6, 3 + 0xBC, 3 + 0xA2}), "漢");
  EXPECT_EQ(tokenizer.decode({3 + 0xE6}), "\xEF\xBF\xBD");
  EXPECT_EQ(tokenizer.encode("a\xFFz"), tokenizer.encode("a\xEF\xBF\xBDz"));
}

TEST(SentencePieceBpe, EncodesAMegabyteOfAnythingInNearLinearTime) {
  const Tokenizer tokenizer(llama2().spec);
  Rng rng(13);
  std::string letters, hanzi;
  for (int i = 0; i < 1'000'000; ++i) letters += static_cast<char>('a' + rng.below(26));
  while (hanzi.size() < 1'000'000) append_utf8(hanzi, static_cast<char32_t>(0x4E00 + rng.below(5000)));
  for (const std::string& text :
       {std::string(1'000'000, 'a'), std::string(1'000'000, ' '), std::string(1'000'000, '^'), letters, hanzi}) {
    const auto seconds = [&](std::size_t n) {
      const std::string part = repair_utf8(std::string_view(text).substr(0, n));
      const auto start = std::chrono::steady_clock::now();
      EXPECT_FALSE(tokenizer.encode(part).empty());
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const double small = seconds(100'000), large = seconds(1'000'000);
    EXPECT_LT(large, 40 * small + 0.5) << text.substr(0, 3);  // quadratic would be 100 ×
  }
}

void expect_refused(const std::function<void(TokenizerSpec&)>& damage, const std::string& says) {
  TokenizerSpec spec = tiny_spec();
  damage(spec);
  try {
    const Tokenizer tokenizer(spec);
    FAIL() << "accepted; expected: " << says;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::Input);
    EXPECT_THAT(error.what(), HasSubstr(says));
    EXPECT_NE(error.hint(), "");
  }
}

TEST(SentencePieceBpe, RefusesABrokenVocabularyAndNamesTheField) {
  expect_refused([](auto& s) { s.scores.pop_back(); }, "scores has 269 entries for 270 tokens");
  expect_refused([](auto& s) { s.scores[260] = NAN; }, "the score of token 260 (\"a\") is not a finite number");
  expect_refused([](auto& s) { s.token_types.clear(); }, "\"<0x00>\" is missing");
  expect_refused([](auto& s) { s.tokens[10] = "<0x0g>"; }, "token 10 is a byte, but its name \"<0x0g>\"");
  expect_refused([](auto& s) { s.token_types[260] = kByteToken; }, "token 260 is a byte");
  expect_refused([](auto& s) { s.tokens[259] = "x"; }, "\"▁\", which stands for a space, is missing");
  expect_refused([](auto& s) { s.tokens[261] = "\xE2\x96"; }, "token 261 (\"\xEF\xBF\xBD\") is not valid UTF-8");
  expect_refused([](auto& s) { s.tokens[261] = std::string(300, 'q'); }, "token 261 has 300 bytes");
  expect_refused([](auto& s) { s.merges = {"a q"}; }, "merge 0 (\"a q\") needs \"q\"");
  expect_refused([](auto& s) { s.more_eos = {999}; }, "999, outside the 270 tokens");
  expect_refused(
      [](auto& s) {
        s.tokens[261] = std::string(300, 'q');
        s.token_types[261] = kUserDefinedToken;
        s.merges = {"▁ a"};
      },
      "user-defined token 261 has 300 bytes");
}

// Whatever a file does to a vocabulary: it is refused, or any text can be encoded and comes back.
TEST(SentencePieceBpe, EitherRefusesADamagedVocabularyOrEncodesAnythingWithIt) {
  Rng rng(29);
  int n_refused = 0, n_used = 0;
  for (int round = 0; round < 2000; ++round) {
    TokenizerSpec spec = tiny_spec();
    for (std::uint64_t i = 1 + rng.below(3); i > 0; --i) {
      const std::size_t at =
          rng.below(3) == 0 ? rng.below(spec.tokens.size()) : 259 + rng.below(spec.tokens.size() - 259);
      const std::uint64_t kind = rng.below(5);
      if (kind == 0) spec.tokens[at] = std::string(rng.below(5), static_cast<char>('a' + rng.below(5)));
      if (kind == 1) spec.token_types[at] = static_cast<std::int32_t>(rng.below(8));
      if (kind == 2) spec.scores[at] = static_cast<float>(rng.below(3)) - 100;
      if (kind == 3) spec.merges.push_back(spec.tokens[at] + " " + spec.tokens[259 + rng.below(11)]);
      if (kind == 4) spec.tokens[at] += spec.tokens[rng.below(spec.tokens.size())];
    }
    const std::string text = random_text(rng, 60);
    try {
      const Tokenizer tokenizer(spec);
      ++n_used;
      for (const TokenId id : tokenizer.encode(text)) {
        ASSERT_FALSE(tokenizer.is_control(id));
        ASSERT_LT(id, tokenizer.vocab_size());
      }
    } catch (const Error&) {
      ++n_refused;
    }
  }
  EXPECT_GT(n_refused, 300);
  EXPECT_GT(n_used, 300);
}

}  // namespace
}  // namespace faqsmith
