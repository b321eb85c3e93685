// Tokenizer against PyPI's tokenizers (golden ids over a cut of SmolLM2's vocabulary), hostile input and hostile
// vocabularies.
#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "base/error.h"
#include "base/rng.h"
#include "text/golden_tokenizer_test.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Byte letters for ASCII 33..126 and the space (Ġ), then a few merges.
TokenizerSpec tiny_spec() {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "smollm";
  spec.tokens = {"<|im_end|>"};
  spec.token_types = {3};
  for (char c = 33; c < 127; ++c) spec.tokens.emplace_back(1, c);
  spec.tokens.emplace_back("\xC4\xA0");  // Ġ
  for (const char* joined : {"he", "ll", "hell", "hello", "^^", "^^^^"}) spec.tokens.emplace_back(joined);
  spec.token_types.resize(spec.tokens.size(), 1);
  spec.merges = {"h e", "l l", "he ll", "hell o", "^ ^", "^^ ^^"};
  spec.eos = 0;
  return spec;
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

TEST(Tokenizer, GivesTheReferenceIdsOnEveryGoldenString) {
  const GoldenTokenizer golden = read_golden_tokenizer();
  const Tokenizer tokenizer(golden.spec);
  ASSERT_GE(golden.cases.size(), 300u);
  for (const GoldenCase& c : golden.cases) {
    EXPECT_EQ(tokenizer.encode(c.bytes), c.ids) << testing::PrintToString(c.bytes);
    EXPECT_EQ(tokenizer.decode(c.ids), c.decoded);
  }
}

TEST(Tokenizer, DecodesWhatItEncodedByteForByte) {
  const GoldenTokenizer golden = read_golden_tokenizer();
  const Tokenizer tokenizer(golden.spec);
  const std::string text = "Größe: 12 MiB,\n\n  naïve 👍🏽 don't 漢字\t#!";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(Tokenizer, NeverMakesAControlTokenFromText) {
  const GoldenTokenizer golden = read_golden_tokenizer();
  const Tokenizer tokenizer(golden.spec);
  for (const std::string& token : golden.spec.tokens) {
    for (const TokenId id : tokenizer.encode(token + " " + token)) EXPECT_FALSE(tokenizer.is_control(id)) << token;
  }
  EXPECT_TRUE(tokenizer.is_control(tokenizer.control_id("<|im_end|>")));
  EXPECT_THROW((void)tokenizer.control_id("the"), Error);
}

TEST(Tokenizer, TurnsInvalidBytesIntoReplacementCharactersFirst) {
  const GoldenTokenizer golden = read_golden_tokenizer();
  const Tokenizer tokenizer(golden.spec);
  EXPECT_EQ(tokenizer.encode("a\xE2\x82z"), tokenizer.encode("a\xEF\xBF\xBDz"));
  EXPECT_EQ(tokenizer.encode("\xFF\xFE"), tokenizer.encode("\xEF\xBF\xBD\xEF\xBF\xBD"));
}

TEST(Tokenizer, DecodesHalfACharacterAsAReplacementCharacter) {
  const GoldenTokenizer golden = read_golden_tokenizer();
  const Tokenizer tokenizer(golden.spec);
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) EXPECT_TRUE(is_valid_utf8(tokenizer.decode({id})));
}

TEST(Tokenizer, KeepsMergeOrderInLongWordsAsInShortOnes) {
  const Tokenizer tokenizer(tiny_spec());
  const std::vector<TokenId> once = tokenizer.encode("hello");
  ASSERT_EQ(once.size(), 1u);
  std::string text;
  std::vector<TokenId> expected;
  for (int i = 0; i < 40; ++i) {  // one word of 200 letters
    text += "hello";
    expected.push_back(once[0]);
  }
  EXPECT_EQ(tokenizer.encode(text), expected);
}

TEST(Tokenizer, EncodesAMillionCaretsInNearLinearTime) {
  const Tokenizer tokenizer(tiny_spec());
  const auto seconds = [&](std::size_t n) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(tokenizer.encode(std::string(n, '^')).size(), n / 4);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double small = seconds(100'000), large = seconds(1'000'000);
  EXPECT_LT(large, 40 * small + 0.5);  // quadratic would be 100 ×
}

TEST(Tokenizer, ScansAMillionSpacesInLinearTime) {
  const Tokenizer tokenizer(tiny_spec());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer.encode(std::string(1'000'000, ' ') + "x").size(), 1'000'001u);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 5.0);
}

TEST(Tokenizer, Gpt2PreTokenisationKeepsDigitsTogether) {
  TokenizerSpec spec = tiny_spec();
  spec.tokens.emplace_back("12");
  spec.token_types.push_back(1);
  spec.merges.emplace_back("1 2");
  const Tokenizer apart(spec);
  spec.pre = "gpt-2";
  const Tokenizer together(spec);
  EXPECT_EQ(apart.encode("12").size(), 2u);
  EXPECT_EQ(together.encode("12").size(), 1u);
}

TEST(Tokenizer, FindsUserDefinedTokensInTheTextAndControlTokensNever) {
  TokenizerSpec spec = tiny_spec();
  for (const char* token : {"<tool>", "<tool>>", "he"}) {
    spec.tokens.emplace_back(token);
    spec.token_types.push_back(kUserDefinedToken);
  }
  spec.tokens.back() = "\xC3\xA9!";  // no byte letters: found as it stands
  const Tokenizer tokenizer(spec);
  const TokenId tool = tokenizer.vocab_size() - 3;
  EXPECT_THAT(tokenizer.encode("<tool><tool>>\xC3\xA9!<tool>"), ElementsAre(tool, tool + 1, tool + 2, tool));
  const std::string text = "a<tool>hello<|im_end|>";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  for (const TokenId id : tokenizer.encode(text)) EXPECT_FALSE(tokenizer.is_control(id));
}

TEST(Tokenizer, GivesTheReferenceIdsOfLlama3OnEveryGoldenString) {
  const GoldenTokenizer golden = read_golden_tokenizer("llama3");
  const Tokenizer tokenizer(golden.spec);
  ASSERT_GE(golden.cases.size(), 300u);
  for (const GoldenCase& c : golden.cases) {
    EXPECT_EQ(tokenizer.encode(c.bytes), c.ids) << testing::PrintToString(c.bytes);
    EXPECT_EQ(tokenizer.decode(c.ids), c.decoded);
  }
}

TEST(Tokenizer, Llama3TakesAWholeWordThatIsATokenWithoutMerges) {
  TokenizerSpec spec = tiny_spec();
  spec.tokens.emplace_back("zebra");  // no merge makes it
  spec.token_types.push_back(1);
  EXPECT_EQ(Tokenizer(spec).encode("zebra").size(), 5u);
  for (const char* pre : {"llama-bpe", "llama3", "llama-v3"}) {
    spec.pre = pre;
    EXPECT_EQ(Tokenizer(spec).encode("zebra").size(), 1u);
  }
  spec.pre = "smaug-bpe";  // Llama 3's words, all of them merged
  EXPECT_EQ(Tokenizer(spec).encode("zebra").size(), 5u);
}

TEST(Tokenizer, Llama3ScansAMegabyteOfAnyRunInNearLinearTime) {
  TokenizerSpec spec = tiny_spec();
  spec.pre = "llama-bpe";
  const Tokenizer tokenizer(spec);
  for (const char* piece : {"^", "a", " ", "\n", " \n", "1", "'", "a ", "  \n\t"}) {
    const auto seconds = [&](std::size_t n) {
      std::string text;
      while (text.size() < n) text += piece;
      const auto start = std::chrono::steady_clock::now();
      (void)tokenizer.encode(text + "x");
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const double small = seconds(100'000), large = seconds(1'000'000);
    EXPECT_LT(large, 40 * small + 0.5) << testing::PrintToString(piece);
  }
}

TEST(Tokenizer, RefusesIdsOutsideTheVocabulary) {
  const Tokenizer tokenizer(tiny_spec());
  EXPECT_THROW((void)tokenizer.decode({tokenizer.vocab_size()}), Error);
  EXPECT_THROW((void)tokenizer.decode({-1}), Error);
  EXPECT_FALSE(tokenizer.is_control(-1));
}

TEST(Tokenizer, RefusesABrokenVocabularyAndNamesTheField) {
  expect_refused([](auto& s) { s.model = "bert"; }, "tokenizer.ggml.model \"bert\"");
  expect_refused([](auto& s) { s.pre = "qwen2"; }, "tokenizer.ggml.pre \"qwen2\"");
  expect_refused(
      [](auto& s) {
        s.tokens.clear();
        s.token_types.clear();
      },
      "tokens is empty");
  expect_refused([](auto& s) { s.tokens[5] = s.tokens[6]; }, "tokens 5 and 6 are both");
  expect_refused([](auto& s) { s.tokens[5].clear(); }, "token 5 is empty");
  expect_refused([](auto& s) { s.token_types.pop_back(); }, "token_type");
  expect_refused(
      [](auto& s) {
        s.tokens[3] = std::string(300, 'x');
        s.token_types[3] = kUserDefinedToken;
      },
      "user-defined token 3 has 300 bytes");
  expect_refused([](auto& s) { s.eos = 4000; }, "eos_token_id is 4000");
  expect_refused([](auto& s) { s.bos = -7; }, "bos_token_id is -7");
  expect_refused([](auto& s) { s.pad = 1 << 30; }, "padding_token_id");
  expect_refused([](auto& s) { s.add_bos = true; }, "add_bos_token");
  expect_refused(
      [](auto& s) {
        s.add_eos = true;
        s.eos = -1;
      },
      "add_eos_token");
}

TEST(Tokenizer, RefusesBrokenMergesAndNamesTheRank) {
  expect_refused([](auto& s) { s.merges.emplace_back("q z"); }, "merge 6 (\"q z\") needs \"qz\"");
  expect_refused([](auto& s) { s.merges.emplace_back("h unknown"); }, "needs \"unknown\"");
  expect_refused([](auto& s) { s.merges.emplace_back("hello"); }, "is not two parts");
  expect_refused([](auto& s) { s.merges.emplace_back("h e l"); }, "is not two parts");
  expect_refused([](auto& s) { s.merges.emplace_back(" e"); }, "is not two parts");
  expect_refused([](auto& s) { s.merges.emplace_back("e "); }, "is not two parts");
  expect_refused([](auto& s) { s.merges.emplace_back("h e"); }, "merges 0 and 6 are both");
  // A merge that would spell a control token is refused: text must never reach one.
  expect_refused(
      [](auto& s) {
        s.tokens.emplace_back("<|");
        s.token_types.push_back(3);
        s.merges.emplace_back("< |");
      },
      "no text token");
}

// One random change to a vocabulary, of the kinds that a broken or hostile file has.
void damage(TokenizerSpec& spec, Rng& rng) {
  const auto any = [&](const std::vector<std::string>& from) { return from[rng.below(from.size())]; };
  const std::size_t at = rng.below(spec.tokens.size());
  switch (rng.below(8)) {
    case 0:
      spec.tokens[at] = std::string(rng.below(5), static_cast<char>(rng.below(256)));
      break;
    case 1:
      spec.tokens.erase(spec.tokens.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 2:
      spec.token_types[rng.below(spec.token_types.size())] = static_cast<std::int32_t>(rng.below(9)) - 1;
      break;
    case 3:
      spec.merges.push_back(any(spec.tokens) + " " + any(spec.tokens));
      break;
    case 4:
      std::swap(spec.merges[rng.below(spec.merges.size())], spec.merges[rng.below(spec.merges.size())]);
      break;
    case 5:
      spec.eos = static_cast<TokenId>(rng.next());
      break;
    case 6:
      spec.tokens.push_back(any(spec.tokens) + any(spec.tokens));
      break;
    default:
      spec.token_types.resize(spec.tokens.size(), 1);
  }
}

TEST(Tokenizer, EitherRefusesADamagedVocabularyOrEncodesAnythingWithIt) {
  Rng rng(23);
  int n_refused = 0, n_used = 0;
  for (int round = 0; round < 3000; ++round) {
    TokenizerSpec spec = tiny_spec();
    for (std::uint64_t i = 1 + rng.below(4); i > 0; --i) damage(spec, rng);
    std::string text;
    for (std::uint64_t i = rng.below(80); i > 0; --i)
      text += static_cast<char>(rng.below(3) == 0 ? rng.below(256) : 'a' + rng.below(26));
    try {
      const Tokenizer tokenizer(spec);
      ++n_used;
      for (const TokenId id : tokenizer.encode(text + "hello^^^^" + text)) {
        ASSERT_FALSE(tokenizer.is_control(id));
        ASSERT_LT(id, tokenizer.vocab_size());
      }
    } catch (const Error&) {
      ++n_refused;
    }
  }
  EXPECT_GT(n_refused, 500);
  EXPECT_GT(n_used, 200);
}

}  // namespace
}  // namespace faqsmith
