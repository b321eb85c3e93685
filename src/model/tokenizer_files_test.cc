// Tokenizer files of Hugging Face folders: each kind read, and every way in which a file may be broken or ask for what
// is not computed.
#include "model/tokenizer_files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "base/rng.h"
#include "formats/sentencepiece_builder.h"
#include "model/weights.h"

namespace faqsmith {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

json added(int id, const char* content, bool special) {
  return {{"id", id},        {"content", content}, {"special", special}, {"normalized", false}, {"single_word", false},
          {"lstrip", false}, {"rstrip", false}};
}

// Llama 2's kind: byte fallback, ▁ for spaces.
json sentencepiece_json() {
  json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int b = 0; b < 256; ++b) vocab[fmt::format("<0x{:02X}>", b)] = 3 + b;
  int next = 259;
  for (const char* piece : {"▁", "h", "i", "hi", "▁hi", "▁h"}) vocab[piece] = next++;
  json out;
  out["added_tokens"] = {added(0, "<unk>", true), added(1, "<s>", true), added(2, "</s>", true)};
  out["normalizer"] = {{"type", "Sequence"},
                       {"normalizers",
                        {{{"type", "Prepend"}, {"prepend", "▁"}},
                         {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}};
  out["pre_tokenizer"] = nullptr;
  out["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}};
  out["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}};
  out["model"] = {{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", "<unk>"},
                  {"fuse_unk", true},
                  {"byte_fallback", true},
                  {"vocab", vocab},
                  {"merges", {"h i", "▁ hi", "▁ h", "▁h i"}}};
  return out;
}

// Llama 3's kind: byte letters, its pattern, merges as pairs.
json byte_level_json() {
  json vocab;
  int next = 0;
  for (char c = 33; c < 127; ++c) vocab[std::string(1, c)] = next++;
  for (const char* token : {"Ġ", "he", "zebra"}) vocab[token] = next++;
  json out;
  out["added_tokens"] = {added(next, "<|begin_of_text|>", true), added(next + 1, "<|eot_id|>", true)};
  out["normalizer"] = nullptr;
  out["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"}, {"pattern", {{"Regex", kLlama3Pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}}}};
  out["decoder"] = {{"type", "ByteLevel"}};
  out["model"] = {{"type", "BPE"},         {"unk_token", nullptr}, {"byte_fallback", false},
                  {"ignore_merges", true}, {"vocab", vocab},       {"merges", json::array({json::array({"h", "e"})})}};
  return out;
}

class TokenizerFiles : public testing::Test {
 protected:
  TokenizerFiles()
      : folder_(fs::path(testing::TempDir()) /
                (std::string("faqsmith_tokenizer_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~TokenizerFiles() override { fs::remove_all(folder_); }
  void write(const char* name, const std::string& bytes) const { std::ofstream(folder_ / name) << bytes; }
  [[nodiscard]] std::string refusal() const {
    try {
      (void)read_hf_tokenizer(folder_);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::Input) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(folder_.string()));
      EXPECT_NE(e.hint(), "");
      return e.what();
    }
    return "accepted";
  }
  [[nodiscard]] std::string refusal_of(json root, const std::function<void(json&)>& change) const {
    change(root);
    write("tokenizer.json", json_text(root));
    return refusal();
  }
  fs::path folder_;
};

TEST_F(TokenizerFiles, ReadsTheSentencePieceKind) {
  write("tokenizer.json", json_text(sentencepiece_json()));
  write(
      "tokenizer_config.json",
      R"({"bos_token":{"content":"<s>"},"eos_token":"</s>","pad_token":null,"add_bos_token":true,"chat_template":[{"name":"tool_use","template":"T"},{"name":"default","template":"D"}]})");
  const TokenizerSpec spec = read_hf_tokenizer(folder_);
  EXPECT_EQ(spec.model, "llama");
  EXPECT_EQ(spec.space_prefix, SpacePrefix::Each);
  EXPECT_EQ(spec.bos, 1);
  EXPECT_EQ(spec.eos, 2);
  EXPECT_EQ(spec.pad, -1);
  EXPECT_EQ(spec.unknown, 0);
  EXPECT_TRUE(spec.add_bos);
  EXPECT_FALSE(spec.add_eos);
  EXPECT_EQ(spec.chat_template, "D");
  EXPECT_EQ(spec.token_types[1], kControlToken);
  EXPECT_EQ(spec.token_types[0x41 + 3], kByteToken);
  const Tokenizer tokenizer(spec);
  EXPECT_THAT(tokenizer.encode("hi"), ElementsAre(263));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("hi  hi<s>é")), "hi  hi<s>é");
}

TEST_F(TokenizerFiles, ReadsMetaspaceSchemes) {
  const std::pair<const char*, SpacePrefix> schemes[] = {
      {"first", SpacePrefix::FirstIfMissing}, {"always", SpacePrefix::EachIfMissing}, {"never", SpacePrefix::None}};
  for (const auto& [scheme, prefix] : schemes) {
    json root = sentencepiece_json();
    root["normalizer"] = nullptr;
    root["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", false}};
    write("tokenizer.json", json_text(root));
    EXPECT_EQ(read_hf_tokenizer(folder_).space_prefix, prefix);
  }
}

TEST_F(TokenizerFiles, ReadsTheByteLevelKinds) {
  json root = byte_level_json();
  write("tokenizer.json", json_text(root));
  write("tokenizer_config.json", R"({"bos_token":"<|begin_of_text|>","eos_token":"<|eot_id|>","chat_template":"old"})");
  write("chat_template.jinja", "new");
  write("generation_config.json", R"({"eos_token_id":[98,96,97]})");
  const TokenizerSpec spec = read_hf_tokenizer(folder_);
  EXPECT_EQ(spec.pre, "llama-bpe");
  EXPECT_EQ(spec.bos, 97);
  EXPECT_EQ(spec.eos, 98);
  EXPECT_THAT(spec.more_eos, ElementsAre(96, 97));
  EXPECT_EQ(spec.chat_template, "new");
  const Tokenizer tokenizer(spec);
  EXPECT_THAT(tokenizer.encode("zebra"), ElementsAre(96));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("he<|eot_id|>")), "he<|eot_id|>");
  fs::remove(folder_ / "generation_config.json");
  root["model"]["ignore_merges"] = false;
  write("tokenizer.json", json_text(root));
  EXPECT_EQ(read_hf_tokenizer(folder_).pre, "smaug-bpe");
  root["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
  write("tokenizer.json", json_text(root));
  EXPECT_EQ(read_hf_tokenizer(folder_).pre, "gpt-2");
  root["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, root["pre_tokenizer"]}}};
  write("tokenizer.json", json_text(root));
  EXPECT_EQ(read_hf_tokenizer(folder_).pre, "smollm");
}

TEST_F(TokenizerFiles, MarksOfTurnsAreControlTokensWhateverTheFileSays) {
  json root = byte_level_json();
  root["added_tokens"].push_back(added(99, "<|im_start|>", false));
  root["added_tokens"].push_back(added(100, "<tool>", false));
  write("tokenizer.json", json_text(root));
  const TokenizerSpec spec = read_hf_tokenizer(folder_);
  EXPECT_EQ(spec.token_types[99], kControlToken);
  EXPECT_EQ(spec.token_types[100], kUserDefinedToken);
  const Tokenizer tokenizer(spec);
  EXPECT_THAT(tokenizer.encode("<tool>"), ElementsAre(100));
  for (const TokenId id : tokenizer.encode("<|im_start|>")) EXPECT_FALSE(tokenizer.is_control(id));
}

std::string sentencepiece_model(const std::string& trainer = proto_trainer(),
                                const std::string& normalizer = proto_normalizer(), const std::string& more = "") {
  ProtoBuilder out;
  out.text(1, proto_piece("<unk>", 0, 2)).text(1, proto_piece("<s>", 0, 3)).text(1, proto_piece("</s>", 0, 3));
  for (int b = 0; b < 256; ++b) out.text(1, proto_piece(fmt::format("<0x{:02X}>", b), 0, 6));
  out.text(1, proto_piece("▁", -9, 1))
      .text(1, proto_piece("h", -10, 1))
      .text(1, proto_piece("i", -11, 1))
      .text(1, proto_piece("hi", -1, 1));
  out.bytes += more;
  return out.text(2, trainer).text(3, normalizer).bytes;
}

TEST_F(TokenizerFiles, ReadsASentencePieceModelWithTokensAddedLater) {
  write("tokenizer.model", sentencepiece_model());
  EXPECT_EQ(read_hf_tokenizer(folder_).space_prefix, SpacePrefix::Text);
  write(
      "tokenizer_config.json",
      R"({"added_tokens_decoder":{"1":{"content":"<s>","special":true},"263":{"content":"<pad>","special":true},"264":{"content":"<x>","special":false}},"pad_token":"<pad>","add_bos_token":false})");
  const TokenizerSpec spec = read_hf_tokenizer(folder_);
  EXPECT_EQ(spec.tokens.size(), 265u);
  EXPECT_EQ(spec.bos, 1);
  EXPECT_EQ(spec.eos, 2);
  EXPECT_EQ(spec.pad, 263);
  EXPECT_FALSE(spec.add_bos);
  EXPECT_EQ(spec.scores[262], -1);
  const Tokenizer tokenizer(spec);
  EXPECT_THAT(tokenizer.encode("hi<x>"), ElementsAre(259, 262, 264));
}

TEST_F(TokenizerFiles, ReadsTheAddedTokensOfOlderFolders) {
  write("tokenizer.model", sentencepiece_model());
  write("added_tokens.json", R"({"<x>":264,"<pad>":263,"hi":262})");
  write("special_tokens_map.json", R"({"pad_token":{"content":"<pad>"}})");
  const TokenizerSpec spec = read_hf_tokenizer(folder_);
  EXPECT_EQ(spec.pad, 263);
  EXPECT_EQ(spec.token_types[263], kControlToken);
  EXPECT_EQ(spec.token_types[264], kUserDefinedToken);
  EXPECT_EQ(spec.token_types[262], kNormalToken);
  write("added_tokens.json", R"({"<x>":265})");
  EXPECT_THAT(refusal(), HasSubstr("added_tokens.json: the token \"<x>\": no token has the id 263"));
  write("added_tokens.json", R"({"<x>":1})");
  EXPECT_THAT(refusal(), HasSubstr("\"<x>\" is \"<s>\" in the vocabulary"));
  write("added_tokens.json", R"({"<x>":"y"})");
  EXPECT_THAT(refusal(), HasSubstr("added_tokens.json: \"<x>\": the id \"y\" is no number"));
}

TEST_F(TokenizerFiles, SentencePieceTokenizersSurviveOurGguf) {
  const auto round_trip = [&] {
    const TokenizerSpec spec = read_hf_tokenizer(folder_);
    LlamaConfig config;
    config.hidden_size = config.intermediate_size = config.head_dim = config.max_positions = 8;
    config.n_layers = config.n_heads = config.n_kv_heads = 1;
    config.vocab_size = static_cast<std::int64_t>(spec.tokens.size());
    save_gguf(folder_ / "m.gguf", random_weights(config, 1), spec, "x", GgufFloat::F32);
    const TokenizerSpec again = read_model_info(folder_ / "m.gguf").tokenizer;
    EXPECT_EQ(again.model, spec.model);
    EXPECT_EQ(again.pre, spec.pre);
    EXPECT_EQ(again.tokens, spec.tokens);
    EXPECT_EQ(again.token_types, spec.token_types);
    EXPECT_EQ(again.merges, spec.merges);
    EXPECT_EQ(again.scores, spec.scores);
    EXPECT_EQ(again.space_prefix, spec.space_prefix);
    EXPECT_EQ(again.bos, spec.bos);
    EXPECT_EQ(again.more_eos, spec.more_eos);
    EXPECT_EQ(again.add_bos, spec.add_bos);
    EXPECT_EQ(again.add_eos, spec.add_eos);
    EXPECT_EQ(Tokenizer(again).encode("hi hi é"), Tokenizer(spec).encode("hi hi é"));
  };
  write("generation_config.json", R"({"eos_token_id":[2,0]})");
  write("tokenizer.model", sentencepiece_model());
  round_trip();
  write("tokenizer_config.json", R"({"bos_token":"<s>","eos_token":"</s>","add_eos_token":true})");
  write("tokenizer.json", json_text(sentencepiece_json()));
  round_trip();
  write("tokenizer.json", json_text(byte_level_json()));
  fs::remove(folder_ / "tokenizer_config.json");
  round_trip();
}

TEST_F(TokenizerFiles, RefuseAFolderWithoutAVocabulary) {
  EXPECT_THAT(refusal(), HasSubstr("neither tokenizer.json nor tokenizer.model"));
}

TEST_F(TokenizerFiles, RefuseBrokenTokenizerJsonByPlaceAndReason) {
  write("tokenizer.json", "{");
  EXPECT_THAT(refusal(), HasSubstr("tokenizer.json: it is no JSON"));
  write("tokenizer.json", std::string(100'000, '['));
  EXPECT_THAT(refusal(), HasSubstr("nested more than"));
  write("tokenizer.json", "[1]");
  EXPECT_THAT(refusal(), HasSubstr("no JSON object"));
  write("tokenizer.json", "{\"model\":\"\xFF\"}");
  EXPECT_THAT(refusal(), HasSubstr("no JSON"));
  const std::pair<std::function<void(json&)>, const char*> cases[] = {
      {[](json& r) { r.erase("model"); }, "model: it is missing"},
      {[](json& r) { r["model"]["vocab"] = json::array(); }, "model.vocab: it is missing, empty or no object"},
      {[](json& r) { r["model"]["vocab"]["x"] = 500; }, "model.vocab: the id of \"x\" is 500"},
      {[](json& r) { r["model"]["vocab"]["x"] = -1; }, "the id of \"x\" is -1"},
      {[](json& r) { r["model"]["vocab"]["x"] = 4294967296; }, "the id of \"x\" is 4294967296"},
      {[](json& r) { r["model"]["vocab"]["x"] = 2147483648; }, "the id of \"x\" is 2147483648"},
      {[](json& r) { r["model"]["vocab"]["x"] = 1.5; }, "the id of \"x\" is 1.5"},
      {[](json& r) { r["model"]["vocab"]["x"] = 3; }, "have the same id 3"},
      {[](json& r) { r["model"]["vocab"][""] = 97; }, "the token with the id 97 is empty"},
      {[](json& r) { r["model"]["vocab"].erase("a"); }, "the id of \"<|eot_id|>\" is missing or not below 98"},
      {[](json& r) { r["model"]["vocab"].erase("a"), r["added_tokens"].push_back(added(95, "he", false)); },
       "no token has the id 64"},
      {[](json& r) { r["model"]["merges"] = 3; }, "model.merges: it is missing or no list"},
      {[](json& r) { r["model"]["merges"].push_back(json::array({"h"})); }, "model.merges[1]: it is neither"},
      {[](json& r) { r["model"]["merges"].push_back("h unknown"); }, "merge 1 (\"h unknown\") needs \"unknown\""},
      {[](json& r) { r["model"]["merges"].push_back("h e"); }, "merges 0 and 1 are both"},
      {[](json& r) { r["model"]["merges"].push_back("hello"); }, "merge 1 (\"hello\") is not two parts"},
      {[](json& r) { r["model"]["merges"].push_back("h e e"); }, "is not two parts"},
      {[](json& r) { r["added_tokens"] = 1; }, "added_tokens: it is no list"},
      {[](json& r) { r["added_tokens"][1]["id"] = 1u << 31; }, "added_tokens[1]: the id 2147483648"},
      {[](json& r) { r["added_tokens"][1]["id"] = 400; },
       "added_tokens[1]: the id of \"<|eot_id|>\" is missing or not below"},
      {[](json& r) { r["added_tokens"][1].erase("id"); }, "is missing or not below"},
      {[](json& r) { r["added_tokens"][1]["content"] = ""; }, "added_tokens[1]: \"content\""},
      {[](json& r) { r["added_tokens"][1]["content"] = "he"; }, "\"he\" has the id 98 here and 95 elsewhere"},
      {[](json& r) { r["added_tokens"][1]["special"] = "yes"; }, "\"special\" is neither true nor false"},
      {[](json& r) { r["added_tokens"].push_back(added(99, std::string(300, 'x').c_str(), false)); },
       "user-defined token 99 has 300 bytes"},
      {[](json& r) {
         r["pre_tokenizer"] = {{"x", 1}};
       },
       "pre_tokenizer: it has no \"type\""},
      {[](json& r) { r["pre_tokenizer"]["pretokenizers"] = 1; }, "no list \"pretokenizers\""},
      {[](json& r) { r["model"]["unk_token"] = "<none>"; }, "\"unk_token\" \"<none>\" is no token"},
      {[](json& r) {
         r["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", json::array({json::object({{"SpecialToken", {{"id", "<no>"}}}})})}};
       },
       "names no token"},
  };
  for (const auto& [change, says] : cases) EXPECT_THAT(refusal_of(byte_level_json(), change), HasSubstr(says));
  EXPECT_THAT(refusal_of(sentencepiece_json(),
                         [](json& r) { r["model"]["vocab"].erase("<0x41>"), r["model"]["vocab"]["q"] = 68; }),
              HasSubstr("\"<0x41>\" is missing"));
  EXPECT_LT(refusal_of(byte_level_json(), [](json& r) { r["model"]["vocab"][std::string(1 << 20, 'x')] = -1; }).size(),
            1000u);
  EXPECT_EQ(refusal_of(byte_level_json(), [](json&) {}), "accepted");
}

TEST_F(TokenizerFiles, RefuseByNameWhatWouldChangeTheIds) {
  const std::pair<std::function<void(json&)>, const char*> byte_level[] = {
      {[](json& r) { r["model"]["type"] = "Unigram"; }, "model: the type \"Unigram\" is not supported"},
      {[](json& r) { r["model"]["dropout"] = 0.1; }, "\"dropout\" 0.1"},
      {[](json& r) { r["model"]["end_of_word_suffix"] = "</w>"; }, "\"end_of_word_suffix\" \"</w>\""},
      {[](json& r) { r["model"]["continuing_subword_prefix"] = "##"; }, "\"continuing_subword_prefix\""},
      {[](json& r) {
         r["normalizer"] = {{"type", "NFC"}};
       },
       "normalizer: \"NFC\""},
      {[](json& r) { r["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+"; },
       "the pattern {\"Regex\":\"\\\\w+\"}"},
      {[](json& r) { r["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; }, "behavior \"Removed\""},
      {[](json& r) { r["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; }, "\"add_prefix_space\""},
      {[](json& r) { r["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true; },
       "\"ignore_merges\" with this pre_tokenizer"},
      {[](json& r) {
         r["pre_tokenizer"] = {{"type", "Whitespace"}};
       },
       "pre_tokenizer: \"Whitespace\""},
      {[](json& r) { r["pre_tokenizer"] = nullptr; }, "neither byte fallback nor \"ByteLevel\""},
      {[](json& r) {
         r["decoder"] = {{"type", "WordPiece"}};
       },
       "decoder: \"WordPiece\""},
      {[](json& r) {
         r["post_processor"] = {{"type", "RobertaProcessing"}};
       },
       "post_processor: \"RobertaProcessing\""},
      {[](json& r) {
         r["added_tokens"].push_back(added(99, "w", false)), r["added_tokens"][2]["content"] = "xx",
                                                             r["added_tokens"][2]["single_word"] = true;
       },
       "\"xx\" with \"single_word\""},
      {[](json& r) { r["added_tokens"].push_back(added(99, "xx", false)), r["added_tokens"][2]["rstrip"] = true; },
       "\"xx\" with \"lstrip\" or \"rstrip\""},
  };
  for (const auto& [change, says] : byte_level) EXPECT_THAT(refusal_of(byte_level_json(), change), HasSubstr(says));
}

TEST_F(TokenizerFiles, RefuseByNameWhatWouldChangeTheIdsOfTheSentencePieceKind) {
  const std::pair<std::function<void(json&)>, const char*> sentencepiece[] = {
      {[](json& r) { r["model"]["byte_fallback"] = false; }, "normalizer: \"Prepend\" before a byte-level BPE"},
      {[](json& r) { r["model"]["ignore_merges"] = true; }, "\"ignore_merges\" with byte fallback"},
      {[](json& r) {
         r["normalizer"]["normalizers"].push_back({{"type", "NFKC"}});
       },
       "normalizer: {\"type\":\"NFKC\"}"},
      {[](json& r) { r["normalizer"] = nullptr; }, "keeps spaces as they are"},
      {[](json& r) {
         r["pre_tokenizer"] = {
             {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
       },
       "\"Metaspace\" after \"Prepend\""},
      {[](json& r) {
         r["normalizer"] = nullptr,
         r["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}};
       },
       "\"Metaspace\" with \"split\""},
      {[](json& r) { r["added_tokens"].push_back(added(265, "xx", false)), r["added_tokens"][3]["normalized"] = true; },
       "\"xx\" with \"normalized\""},
  };
  for (const auto& [change, says] : sentencepiece)
    EXPECT_THAT(refusal_of(sentencepiece_json(), change), HasSubstr(says));
}

TEST_F(TokenizerFiles, RefuseBrokenConfigurationsByFileAndKey) {
  write("tokenizer.json", json_text(byte_level_json()));
  const auto with = [&](const char* file, const char* text) {
    write(file, text);
    std::string said = refusal();
    fs::remove(folder_ / file);
    return said;
  };
  EXPECT_THAT(with("tokenizer_config.json", "nothing"), HasSubstr("tokenizer_config.json: it is no JSON"));
  EXPECT_THAT(with("tokenizer_config.json", R"({"bos_token":"<none>"})"),
              HasSubstr("tokenizer_config.json: bos_token: \"<none>\" is no token of tokenizer.json"));
  EXPECT_THAT(with("tokenizer_config.json", R"({"eos_token":5})"), HasSubstr("eos_token: it names no token"));
  EXPECT_THAT(with("tokenizer_config.json", R"({"add_bos_token":1})"),
              HasSubstr("add_bos_token: it is neither true nor false"));
  EXPECT_THAT(with("tokenizer_config.json", R"({"add_eos_token":true})"),
              HasSubstr("add_eos_token: it is set, but there is no such token"));
  EXPECT_THAT(with("tokenizer_config.json", R"({"chat_template":7})"), HasSubstr("chat_template: it is neither"));
  EXPECT_THAT(with("special_tokens_map.json", R"({"bos_token":"<none>"})"),
              HasSubstr("special_tokens_map.json: bos_token"));
  EXPECT_THAT(with("generation_config.json", R"({"eos_token_id":[97,99]})"),
              HasSubstr("eos_token_id: 99 is no id below 99"));
  EXPECT_THAT(with("generation_config.json", R"({"eos_token_id":-1})"), HasSubstr("eos_token_id: -1"));
}

TEST_F(TokenizerFiles, RefuseOtherSentencePieceModelsByName) {
  const auto with = [&](const std::string& model) {
    write("tokenizer.model", model);
    return refusal();
  };
  EXPECT_EQ(with(sentencepiece_model()), "accepted");
  EXPECT_THAT(with(sentencepiece_model(proto_trainer(1))), HasSubstr("a unigram model is not supported"));
  EXPECT_THAT(with(sentencepiece_model(proto_trainer(3))), HasSubstr("a word model"));
  EXPECT_THAT(with(sentencepiece_model(proto_trainer(2, 0))), HasSubstr("without byte fallback"));
  EXPECT_THAT(with(sentencepiece_model(proto_trainer(), proto_normalizer(1, 1))),
              HasSubstr("remove_extra_whitespaces"));
  EXPECT_THAT(with(sentencepiece_model(proto_trainer(),
                                       ProtoBuilder{}.text(1, "nmt_nfkc").text(2, "table").number(4, 0).bytes)),
              HasSubstr("the normalisation \"nmt_nfkc\""));
  EXPECT_THAT(with(sentencepiece_model(proto_trainer(), proto_normalizer(),
                                       ProtoBuilder{}.text(1, proto_piece("u", 0, 5)).bytes)),
              HasSubstr("piece 263: an unused piece"));
  EXPECT_THAT(with(sentencepiece_model(proto_trainer(), proto_normalizer(),
                                       ProtoBuilder{}.text(1, proto_piece("hi", 0, 1)).bytes)),
              HasSubstr("tokens 262 and 263 are both \"hi\""));
  EXPECT_THAT(with("IQ== 0\nIg== 1\n"), HasSubstr("a tiktoken vocabulary"));
  EXPECT_THAT(with("no model"), HasSubstr("byte "));
  EXPECT_THAT(with(""), HasSubstr("is empty"));
  write("tokenizer.model", sentencepiece_model());
  write("tokenizer_config.json", R"({"added_tokens_decoder":{"265":{"content":"<x>","special":true}}})");
  EXPECT_THAT(refusal(), HasSubstr("the token \"<x>\": no token has the id 263"));
  write("tokenizer_config.json", R"({"added_tokens_decoder":{"1":{"content":"<x>","special":true}}})");
  EXPECT_THAT(refusal(), HasSubstr("\"<x>\" is \"<s>\" in the vocabulary"));
  write("tokenizer_config.json", R"({"added_tokens_decoder":{"1e9":{"content":"<x>"}}})");
  EXPECT_THAT(refusal(), HasSubstr("the key is no id"));
}

// Any bytes: an Error(Input) that names the file, or a tokenizer that encodes.
TEST_F(TokenizerFiles, SurviveThousandsOfMutations) {
  Rng rng(37);
  int accepted = 0;
  const std::string valid[] = {json_text(byte_level_json()), json_text(sentencepiece_json()), sentencepiece_model()};
  for (int round = 0; round < 3000; ++round) {
    const std::size_t which = rng.below(3);
    std::string bytes = valid[which];
    for (std::uint64_t edits = 1 + rng.below(3); edits > 0; --edits)
      bytes[rng.below(bytes.size())] = static_cast<char>(which == 2 ? rng.below(256) : 32 + rng.below(95));
    if (rng.below(10) == 0) bytes.resize(rng.below(bytes.size()));
    fs::remove(folder_ / "tokenizer.json");
    write(which == 2 ? "tokenizer.model" : "tokenizer.json", bytes);
    if (refusal() != "accepted") continue;
    ++accepted;
    const Tokenizer tokenizer(read_hf_tokenizer(folder_));
    for (const TokenId id : tokenizer.encode("hi hé zebra <s> \n")) ASSERT_FALSE(tokenizer.is_control(id));
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace faqsmith
