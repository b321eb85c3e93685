// Grammar alone, then grammar, constraint and sampler together on random logits: everything must parse.
#include "infer/grammar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "infer/sampler.h"
#include "infer/tiny_tokenizer.h"

namespace faqsmith {
namespace {

using Json = nlohmann::json;

constexpr const char* kPair =
    R"({"type":"object","properties":{"question":{"type":"string","maxLength":40},"answer":{"type":"string"}},
        "required":["question","answer"],"additionalProperties":false})";
constexpr const char* kMixed =
    R"({"type":"object","properties":{
         "zeta":{"type":"array","items":{"type":"object","properties":{"n":{"type":"number"},"s":{"type":"string","minLength":2}},
                 "required":["n","s"]},"minItems":1,"maxItems":3},
         "alpha":{"type":"integer"},"grade":{"type":"integer","minimum":1,"maximum":12},
         "kind":{"enum":["yes","yesterday","no",null,1.5,"caf\u00e9"]},"maybe":{"type":"boolean"},"end":{"type":"null"}},
        "required":["zeta","grade","kind","end"]})";
constexpr const char* kArray = R"({"type":"array","items":{"type":"integer"},"maxItems":4})";

bool accepts(const char* schema, std::string_view text) {
  const Grammar grammar(schema);
  GrammarState state(grammar);
  return state.advance(text) && state.may_end();
}

std::string refusal_of(const char* schema) {
  try {
    const Grammar grammar(schema);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::User);
    return e.what();
  }
  return "";
}

TEST(Grammar, AcceptsWhatTheSchemaAllows) {
  EXPECT_TRUE(accepts(kPair, R"({"question":"What?","answer":"That."})"));
  EXPECT_TRUE(accepts(kPair, R"({"question": "a\"b\\cé\n", "answer": ""})"));
  EXPECT_TRUE(
      accepts(kMixed, R"({"zeta":[{"n":-0.5,"s":"ab"}, {"n":10,"s":"xyz"}],"grade":12,"kind":"yes","end":null})"));
  EXPECT_TRUE(
      accepts(kMixed, R"({"zeta":[{"n":1,"s":"ab"}],"alpha":-7,"grade":1,"kind":1.5,"maybe":false,"end":null})"));
  EXPECT_TRUE(accepts(kArray, "[]"));
  EXPECT_TRUE(accepts(kArray, "[0, -12,3]"));
  EXPECT_TRUE(accepts(R"({"type":"integer"})", "42"));
}

TEST(Grammar, RefusesWhatTheSchemaForbids) {
  EXPECT_FALSE(accepts(kPair, R"({"answer":"That.","question":"What?"})"));  // order
  EXPECT_FALSE(accepts(kPair, R"({"question":"What?"})"));
  EXPECT_FALSE(accepts(kPair, R"({"question":"What?","answer":"x","more":1})"));
  EXPECT_FALSE(accepts(kPair, "{\"question\":\"" + std::string(41, 'x') + "\",\"answer\":\"\"}"));
  EXPECT_TRUE(accepts(kPair, "{\"question\":\"" + std::string(40, 'x') + "\",\"answer\":\"\"}"));
  EXPECT_FALSE(accepts(kPair, "{\"question\":\"line\nbreak\",\"answer\":\"\"}"));
  EXPECT_FALSE(accepts(kMixed, R"({"zeta":[],"grade":1,"kind":"no","end":null})"));
  EXPECT_FALSE(accepts(kMixed, R"({"zeta":[{"n":1,"s":"a"}],"grade":1,"kind":"no","end":null})"));  // minLength
  EXPECT_FALSE(accepts(kMixed, R"({"zeta":[{"n":1,"s":"ab"}],"grade":13,"kind":"no","end":null})"));
  EXPECT_FALSE(accepts(kArray, "[1,2,3,4,5]"));
  EXPECT_FALSE(accepts(kArray, "[01]"));
  EXPECT_FALSE(accepts(kArray, "[1.5]"));
  EXPECT_FALSE(accepts(kArray, "[1234567890123456]"));
}

TEST(Grammar, KeepsStringsValidUtf8) {
  const char* schema = R"({"type":"string"})";
  EXPECT_TRUE(accepts(schema, "\"\xF0\x9F\x98\x80 \xE2\x82\xAC\""));
  EXPECT_FALSE(accepts(schema, "\"\xC0\xAF\""));          // overlong
  EXPECT_FALSE(accepts(schema, "\"\xED\xA0\x80\""));      // surrogate
  EXPECT_FALSE(accepts(schema, "\"\xF4\x90\x80\x80\""));  // above U+10FFFF
  EXPECT_FALSE(accepts(schema, "\"\xE2\x82\""));          // cut
  EXPECT_FALSE(accepts(schema, "\"\x80\""));
  EXPECT_TRUE(accepts(schema, R"("\u00e9\n")"));
  EXPECT_FALSE(accepts(schema, R"("\ud83d")"));
  EXPECT_FALSE(accepts(schema, R"("\u0000")"));
}

TEST(Grammar, RefusesUnknownKeywordsByNameAndPlace) {
  EXPECT_EQ(refusal_of(R"({"type":"object","properties":{"a":{"type":"string","pattern":"x"}}})"),
            "JSON schema, properties.a: pattern is not supported");
  EXPECT_NE(refusal_of(R"({"anyOf":[]})").find("type must be given"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"type":"object","properties":{},"required":["b"]})").find("b, which is no property"),
            std::string::npos);
  EXPECT_NE(refusal_of("{\"type\":").find("no valid JSON"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"type":"integer","minimum":0})").find("together"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"type":"array","items":{"type":"string"},"minItems":-1})").find("minItems"),
            std::string::npos);
  std::string deep = R"({"type":"null"})";
  for (int i = 0; i < 40; ++i) deep = R"({"type":"array","items":)" + deep + "}";
  EXPECT_NE(refusal_of(deep.c_str()).find("nested deeper"), std::string::npos);
}

TEST(Grammar, RefusesMinimaThatMultiplyWithoutBound) {
  std::string schema = R"({"type":"null"})";
  for (int i = 0; i < 6; ++i) schema = R"({"type":"array","minItems":4000,"items":)" + schema + "}";
  EXPECT_NE(refusal_of(schema.c_str()).find("64 KiB"), std::string::npos);
}

// Walks random accepted bytes and checks at every prefix that the closing text makes it whole.
TEST(Grammar, ClosesEveryPrefix) {
  for (const char* schema : {kPair, kMixed, kArray}) {
    const Grammar grammar(schema);
    Rng rng(11);
    for (int run = 0; run < 60; ++run) {
      GrammarState state(grammar);
      std::string text;
      for (int step = 0; step < 120 && !state.must_end(); ++step) {
        const std::string whole = text + state.closing();
        ASSERT_TRUE(Json::accept(whole)) << whole;
        ASSERT_TRUE(accepts(schema, whole)) << whole;
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

std::string generate(const char* schema, int budget, Rng& rng, const SamplerOptions& options,
                     const Tokenizer& tokenizer) {
  const ByteTokens byte_tokens(tokenizer);
  TokenConstraint constraint(std::make_shared<Grammar>(schema), tokenizer, byte_tokens, 2, budget);
  Sampler sampler(options, tokenizer.vocab_size());
  std::string text;
  std::vector<float> logits(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (int i = 0; i < budget; ++i) {
    for (auto& x : logits) x = static_cast<float>(3 * rng.normal());
    const SampledToken token = sampler.next(logits, &constraint);
    EXPECT_TRUE(std::isfinite(token.log_probability) && token.log_probability < 0);
    if (token.id == 2) break;
    text += i == 0 ? tokenizer.first_token_bytes(token.id) : tokenizer.token_bytes(token.id);
    if (constraint.finished()) break;
  }
  return text;
}

void expect_random_logits_to_parse(const Tokenizer& tokenizer) {
  Rng rng(5);
  for (const char* schema : {kPair, kMixed, kArray, R"({"type":"number"})", R"({"type":"string","maxLength":5})"}) {
    for (int run = 0; run < 600; ++run) {
      SamplerOptions options{.seed = rng.next()};
      options.temperature = run % 3 == 0 ? 0.0 : 1.0;
      options.top_k = run % 4 == 1 ? 20 : 0;
      options.top_p = run % 5 == 2 ? 0.9 : 1.0;
      options.repetition_penalty = run % 7 == 3 ? 1.2 : 1.0;
      const int budget = 75 + static_cast<int>(rng.below(80));
      const std::string text = generate(schema, budget, rng, options, tokenizer);
      ASSERT_TRUE(Json::accept(text)) << text;
      ASSERT_TRUE(accepts(schema, text)) << text;
    }
  }
}

TEST(Grammar, RandomLogitsAlwaysParseWithinTheBudget) {
  expect_random_logits_to_parse(Tokenizer(tiny_tokenizer_spec()));
}

TEST(Grammar, RandomLogitsOfASentencePieceModelAlwaysParseWithinTheBudget) {
  const Tokenizer tokenizer(tiny_sentencepiece_spec());
  expect_random_logits_to_parse(tokenizer);
  // The tokenizer's own space may stand before the text, and only there.
  const ByteTokens byte_tokens(tokenizer);
  TokenConstraint constraint(std::make_shared<Grammar>(kPair), tokenizer, byte_tokens, 2, 200);
  const TokenId spaced = tokenizer.encode("{\"")[0], plain = tokenizer.encode("{\"", TextPlace::Middle)[0];
  ASSERT_EQ(tokenizer.token_bytes(spaced), " {\"");
  EXPECT_TRUE(constraint.accepts(spaced));
  EXPECT_TRUE(constraint.accepts(plain));
  constraint.take(spaced);
  EXPECT_FALSE(constraint.accepts(spaced));
}

TEST(Grammar, TheSmallestPossibleBudgetIsEnough) {
  const Tokenizer tokenizer(tiny_tokenizer_spec());
  const ByteTokens byte_tokens(tokenizer);
  const Grammar grammar(kPair);
  const int least = static_cast<int>(tokenizer.encode(GrammarState(grammar).closing()).size());
  Rng rng(6);
  for (int budget = least; budget < least + 12; ++budget) {
    for (int run = 0; run < 30; ++run) {
      const std::string text = generate(kPair, budget, rng, {.temperature = 1.0, .seed = rng.next()}, tokenizer);
      ASSERT_TRUE(accepts(kPair, text)) << budget << ": " << text;
    }
  }
  EXPECT_THROW(TokenConstraint(std::make_shared<Grammar>(kPair), tokenizer, byte_tokens, 2, least - 1), Error);
}

}  // namespace
}  // namespace faqsmith
