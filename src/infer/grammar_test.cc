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
  EXPECT_FALSE(accepts(kMixed, R"({"zeta":[{"n":1,"s":"ab"}],"grade":-0,"kind":"no","end":null})"));
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

TEST(Grammar, RefusesWhatItDoesNotObeyByNameAndPlace) {
  const std::pair<const char*, const char*> kRefused[] = {
      {R"({"type":"object","properties":{"x":{"type":"object","patternProperties":{"a":{}}}}})",
       "not supported: patternProperties at #/properties/x"},
      {R"({"type":"object","properties":{"a/b":{"type":"string","format":"date"}}})",
       "not supported: format at #/properties/a~1b"},
      {R"({"type":"object","additionalProperties":true})", "additionalProperties other than false at #"},
      {R"({"type":"object","additionalProperties":{"type":"string"}})", "additionalProperties other than false at #"},
      {R"({"type":"array","items":{"type":"null"},"uniqueItems":true})", "not supported: uniqueItems at #"},
      {R"({"type":"array","prefixItems":[]})", "prefixItems"},
      {R"({"type":"array"})", "an array without items at #"},
      {R"({"type":"number","multipleOf":2})", "not supported: multipleOf at #"},
      {R"({"type":"integer","minLength":2})", "not supported: minLength at #"},
      {R"({"not":{"type":"null"}})", "no type (anything would be allowed) at #"},
      {R"({"type":"string","not":{"type":"null"}})", "not supported: not at #"},
      {R"({"if":{},"then":{},"type":"null"})", "not supported: if at #"},
      {R"({"anyOf":[]})", "anyOf is no list of schemas at #"},
      {R"({"anyOf":[{"type":"null"}],"type":"null"})", "not supported: type at #"},
      {R"({"allOf":[{"type":"null"},{"type":"null"}]})", "allOf of several schemas at #"},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "oneOf whose branches 0 and 1 may both match at #"},
      {R"({"oneOf":[{"enum":[1]},{"enum":[1.0]}]})", "oneOf whose branches 0 and 1 may both match at #"},
      {R"({"type":"array","items":{"$ref":"http://x/y"}})",
       "$ref to http://x/y (only #/… inside the schema) at #/items"},
      {R"({"$ref":"#/$defs/a"})", "$ref to #/$defs/a, which is not there, at #"},
      {R"({"$ref":"#"})", "a $ref that leads back to itself at #"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})", "back to itself"},
      {R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})", "a recursion without an end at #"},
      {R"({"type":"object","properties":{},"required":["b"]})", "required names b, which is no property, at #"},
      {R"({"type":"array","items":{"type":"string"},"minItems":-1})", "minItems is no count at #"},
      {R"({"type":"string","minLength":3,"maxLength":2})", "minLength is above maxLength at #"},
      {R"({"type":"integer","minimum":5,"exclusiveMaximum":5})", "no integer lies within these bounds at #"},
      {R"({"type":"integer","minimum":1e30})", "no integer lies within these bounds at #"},
      {R"({"type":"number","exclusiveMinimum":true})", "exclusiveMinimum is no number at #"},
      {R"({"type":"number","minimum":1e15})", "no number of 15 digits lies within these bounds at #"},
      {R"-({"type":"string","pattern":"a(?!b)"})-", "pattern at #, character 2: lookahead is not supported"},
      {R"({"type":"string","pattern":"^aaa$","maxLength":2})", "no text has this pattern and length at #"},
      {R"({"type":"date"})", R"(not supported: type "date" at #)"},
      {R"({"type":"string","enum":["a",1]})", "the value 1 is not of its type at #"},
      {R"({"enum":[]})", "no value is allowed at #"},
      {R"({"type":"null","type":"string"})", R"(has the key "type" twice)"},
      {R"([1])", "a schema must be an object at #"},
      {R"(true)", "a schema must be an object at #"},
      {"{\"type\":", "is no JSON"},
      {"", "is no JSON"},
  };
  for (const auto& [schema, what] : kRefused)
    EXPECT_NE(refusal_of(schema).find(what), std::string::npos) << schema << "\n" << refusal_of(schema);
}

TEST(Grammar, RefusesWhatWouldGrowWithoutBound) {
  std::string schema = R"({"type":"null"})";
  for (int i = 0; i < 6; ++i) schema = R"({"type":"array","minItems":4000,"items":)" + schema + "}";
  EXPECT_NE(refusal_of(schema.c_str()).find("64 KiB"), std::string::npos);
  std::string deep = R"({"type":"null"})";
  for (int i = 0; i < 40; ++i) deep = R"({"type":"array","minItems":1,"items":)" + deep + "}";
  EXPECT_NE(refusal_of(deep.c_str()).find("nests deeper than 32"), std::string::npos) << refusal_of(deep.c_str());
  for (int i = 0; i < 200; ++i) deep = R"({"type":"array","items":)" + deep + "}";
  EXPECT_NE(refusal_of(deep.c_str()).find("nested too deeply"), std::string::npos);
  EXPECT_NE(refusal_of(std::string(5000, '[').c_str()).find("nested too deeply"), std::string::npos);
  EXPECT_NE(refusal_of((R"({"type":"null","title":")" + std::string(1 << 20, 'x') + "\"}").c_str()).find("longer than"),
            std::string::npos);
  EXPECT_NE(refusal_of(R"({"type":"string","pattern":".*a.{30}"})").find("JSON schema, #: "), std::string::npos);
  std::string many = R"({"type":"object","properties":{"a":{"type":"null"})";
  for (int i = 0; i < 1001; ++i) many += fmt::format(R"(,"p{}":{{"type":"null"}})", i);
  EXPECT_NE(refusal_of((many + "}}").c_str()).find("more than 1000 properties"), std::string::npos);
}

TEST(Grammar, FollowsReferencesAlsoRecursiveOnes) {
  const char* tree = R"({"$ref":"#/definitions/node~1x%20y","definitions":{"node/x y":{"type":"object","properties":{
      "name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/definitions/node~1x y"}}},"required":["name"]}}})";
  EXPECT_TRUE(accepts(tree, R"({"name":"a"})"));
  EXPECT_TRUE(accepts(tree, R"({"name":"a","children":[{"name":"b","children":[{"name":"c"}]},{"name":"d"}]})"));
  EXPECT_FALSE(accepts(tree, R"({"name":"a","children":[{"children":[]}]})"));
  // Recursion ends at kMaxDepth values inside each other, and what is open can still be closed.
  const char* list = R"({"type":"object","properties":{"next":{"$ref":"#"}}})";
  const auto nested = [](int depth) {
    std::string text = "{}";
    for (int i = 1; i < depth; ++i) text = R"({"next":)" + text + "}";
    return text;
  };
  EXPECT_TRUE(accepts(list, nested(Grammar::kMaxDepth)));
  EXPECT_FALSE(accepts(list, nested(Grammar::kMaxDepth + 1)));
  const char* lists = R"({"type":"array","items":{"$ref":"#"}})";
  EXPECT_TRUE(accepts(lists, std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(accepts(lists, std::string(33, '[') + std::string(33, ']')));
}

TEST(Grammar, AnyOfFollowsAllItsReadings) {
  const char* shapes = R"({"anyOf":[
      {"type":"object","properties":{"kind":{"const":"circle"},"size":{"type":"integer"}},"required":["kind","size"]},
      {"type":"object","properties":{"kind":{"const":"box"},"size":{"type":"array","items":{"type":"integer"}}},"required":["kind","size"]},
      {"type":"string","maxLength":3},{"type":"null"}]})";
  EXPECT_TRUE(accepts(shapes, R"({"kind":"circle","size":3})"));
  EXPECT_TRUE(accepts(shapes, R"({"kind":"box","size":[3]})"));
  EXPECT_FALSE(accepts(shapes, R"({"kind":"box","size":3})"));
  EXPECT_TRUE(accepts(shapes, "null"));
  EXPECT_FALSE(accepts(shapes, R"("abcd")"));
  std::string one_of = shapes;
  one_of.replace(one_of.find("anyOf"), 5, "oneOf");
  EXPECT_TRUE(accepts(one_of.c_str(), R"({"kind":"box","size":[3]})"));
  EXPECT_TRUE(accepts(R"({"type":["integer","null","string"],"minimum":3,"maxLength":1})", "3"));
  EXPECT_TRUE(accepts(R"({"type":["integer","null","string"],"minimum":3,"maxLength":1})", R"("x")"));
  EXPECT_FALSE(accepts(R"({"type":["integer","null","string"],"minimum":3,"maxLength":1})", "2"));
  EXPECT_TRUE(accepts(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", "null"));
}

// Two readings at each of many levels would be 2^n: readings that go on alike are one, and their number is bounded.
TEST(Grammar, AmbiguousBranchesStayCheap) {
  const char* twice =
      R"({"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"array","items":{"$ref":"#"},"maxItems":9},
      {"type":"array","items":{"$ref":"#"},"minItems":1}]})";
  const Grammar grammar(twice);
  GrammarState state(grammar);
  const std::string text = std::string(30, '[') + std::string(30, ']');
  EXPECT_TRUE(state.advance(text));
  EXPECT_TRUE(state.may_end());
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
