// tokenizer.json: BPE with a byte alphabet (GPT-2, SmolLM, Llama 3) or with byte fallback (Llama 2 and its kin). Each
// part of the pipeline is recognised or refused.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "base/json_text.h"
#include "model/tokenizer_parts.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;  // the largest published has 33 MB
constexpr const char* kSpaceMark = "\xE2\x96\x81";        // ▁
constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const json kNull;

const json& part(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string text_of(const json& object, const char* key) {
  const json& value = part(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

class JsonTokenizer {
 public:
  explicit JsonTokenizer(const fs::path& path)
      : file_(path), root_(file_.read_json(kMaxBytes)), model_(part(root_, "model")) {}

  TokenizerSpec read() {
    check_model();
    sentencepiece_ = flag(model_, "byte_fallback", false, "model");
    spec_.model = sentencepiece_ ? "llama" : "gpt2";
    if (sentencepiece_) {
      read_space_rules();
    } else {
      read_words_rule();
    }
    check_decoder();
    read_tokens();
    read_merges();
    if (sentencepiece_) score_by_merges();
    read_unknown();
    read_post_processor();
    return std::move(spec_);
  }

 private:
  bool flag(const json& object, const char* key, bool absent, const std::string& place) const {
    const json& value = part(object, key);
    if (value.is_null()) return absent;
    if (!value.is_boolean()) file_.refuse(place, fmt::format("\"{}\" is neither true nor false", key));
    return value.get<bool>();
  }

  // A pipeline part as a list: null is none, "Sequence" holds several under `key`.
  std::vector<json> steps(const char* name, const char* key) const {
    const json& value = part(root_, name);
    if (value.is_null()) return {};
    if (!value.is_object() || text_of(value, "type").empty()) file_.refuse(name, "it has no \"type\"");
    if (value["type"] != "Sequence") return {value};
    const json& list = part(value, key);
    if (!list.is_array()) file_.refuse(name, fmt::format("the sequence has no list \"{}\"", key));
    for (const json& step : list) {
      if (!step.is_object() || text_of(step, "type").empty()) file_.refuse(name, "a step has no \"type\"");
    }
    return list.get<std::vector<json>>();
  }

  void check_model() const {
    if (!model_.is_object()) file_.refuse("model", "it is missing or no object");
    const std::string type = text_of(model_, "type");
    if (type != "BPE" && !(type.empty() && model_.contains("merges")))
      file_.refuse_unsupported("model", fmt::format("the type \"{}\"", type));
    const json& dropout = part(model_, "dropout");
    if (!dropout.is_null() && dropout != 0) file_.refuse_unsupported("model", "\"dropout\" " + json_text(dropout));
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const json& value = part(model_, key);
      if (!value.is_null() && !(value.is_string() && text_of(model_, key).empty()))
        file_.refuse_unsupported("model", fmt::format("\"{}\" {}", key, json_text(value)));
    }
  }

  // Byte-level: how text is cut into words.
  void read_words_rule() {
    if (!steps("normalizer", "normalizers").empty())
      file_.refuse_unsupported("normalizer",
                               fmt::format("\"{}\" before a byte-level BPE",
                                           steps("normalizer", "normalizers")[0]["type"].get<std::string>()));
    const std::vector<json> list = steps("pre_tokenizer", "pretokenizers");
    const bool ignores = flag(model_, "ignore_merges", false, "model");
    if (list.empty() || list.back()["type"] != "ByteLevel") {
      file_.refuse_unsupported("pre_tokenizer", list.empty()
                                                    ? "a BPE with neither byte fallback nor \"ByteLevel\""
                                                    : "\"" + list.back()["type"].get<std::string>() + "\" at the end");
    }
    const json& bytes = list.back();
    if (flag(bytes, "add_prefix_space", true, "pre_tokenizer"))
      file_.refuse_unsupported("pre_tokenizer", "\"add_prefix_space\"");
    const bool regex = flag(bytes, "use_regex", true, "pre_tokenizer");
    if (list.size() == 2 && list[0]["type"] == "Split" && !regex) {
      check_split(list[0]);
      spec_.pre = ignores ? "llama-bpe" : "smaug-bpe";
      return;
    }
    if (ignores) file_.refuse_unsupported("model", "\"ignore_merges\" with this pre_tokenizer");
    if (list.size() == 1 && regex) {
      spec_.pre = "gpt-2";
    } else if (list.size() == 2 && list[0]["type"] == "Digits" && regex) {
      if (!flag(list[0], "individual_digits", false, "pre_tokenizer"))
        file_.refuse_unsupported("pre_tokenizer", "\"Digits\" without \"individual_digits\"");
      spec_.pre = "smollm";
    } else {
      file_.refuse_unsupported("pre_tokenizer",
                               fmt::format("\"{}\" in this order", list[0]["type"].get<std::string>()));
    }
  }

  void check_split(const json& split) const {
    const std::string pattern = text_of(part(split, "pattern"), "Regex");
    if (pattern != kLlama3Pattern)
      file_.refuse_unsupported("pre_tokenizer", fmt::format("the pattern {}", json_text(part(split, "pattern"))));
    if (text_of(split, "behavior") != "Isolated" || flag(split, "invert", false, "pre_tokenizer"))
      file_.refuse_unsupported(
          "pre_tokenizer", fmt::format("a split with behavior {} or \"invert\"", json_text(part(split, "behavior"))));
  }

  // SentencePiece kind: spaces become U+2581, by the normalizer or by Metaspace, and one may be put before the text.
  void read_space_rules() {
    bool replaces = false;
    for (const json& step : steps("normalizer", "normalizers")) {
      const std::string type = text_of(step, "type");
      normalizes_ = true;
      if (type == "Prepend" && text_of(step, "prepend") == kSpaceMark) {
        spec_.space_prefix = SpacePrefix::Each;
      } else if (type == "Replace" && text_of(part(step, "pattern"), "String") == " " &&
                 text_of(step, "content") == kSpaceMark) {
        replaces = true;
      } else {
        file_.refuse_unsupported("normalizer", json_text(step));
      }
    }
    const std::vector<json> list = steps("pre_tokenizer", "pretokenizers");
    if (list.size() > 1 || (list.size() == 1 && list[0]["type"] != "Metaspace"))
      file_.refuse_unsupported(
          "pre_tokenizer", fmt::format("\"{}\" before a BPE with byte fallback", list[0]["type"].get<std::string>()));
    if (list.size() == 1) {
      read_metaspace(list[0]);
      replaces = true;
    }
    if (!replaces) file_.refuse_unsupported("normalizer", "a BPE with byte fallback that keeps spaces as they are");
    if (flag(model_, "ignore_merges", false, "model"))
      file_.refuse_unsupported("model", "\"ignore_merges\" with byte fallback");
  }

  void read_metaspace(const json& step) {
    if (spec_.space_prefix != SpacePrefix::None)
      file_.refuse_unsupported("pre_tokenizer", "\"Metaspace\" after \"Prepend\"");
    if (text_of(step, "replacement") != kSpaceMark)
      file_.refuse_unsupported("pre_tokenizer",
                               fmt::format("the replacement {}", json_text(part(step, "replacement"))));
    if (flag(step, "split", true, "pre_tokenizer"))
      file_.refuse_unsupported("pre_tokenizer", "\"Metaspace\" with \"split\"");
    std::string scheme = text_of(step, "prepend_scheme");
    if (scheme.empty()) scheme = flag(step, "add_prefix_space", true, "pre_tokenizer") ? "always" : "never";
    if (scheme == "first") {
      spec_.space_prefix = SpacePrefix::FirstIfMissing;
    } else if (scheme == "always") {
      spec_.space_prefix = SpacePrefix::EachIfMissing;
    } else if (scheme != "never") {
      file_.refuse_unsupported("pre_tokenizer", fmt::format("the prepend_scheme \"{}\"", scheme));
    }
  }

  // Decoding follows from the kind; a part of another kind means that the file is not what it seems.
  void check_decoder() const {
    const std::vector<std::string> known =
        sentencepiece_ ? std::vector<std::string>{"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}
                       : std::vector<std::string>{"ByteLevel"};
    for (const json& step : steps("decoder", "decoders")) {
      const std::string type = text_of(step, "type");
      if (std::find(known.begin(), known.end(), type) == known.end())
        file_.refuse_unsupported("decoder", fmt::format("\"{}\"", type));
    }
  }

  void read_tokens() {
    const json& vocab = part(model_, "vocab");
    const json& added = part(root_, "added_tokens");
    if (!vocab.is_object() || vocab.empty()) file_.refuse("model.vocab", "it is missing, empty or no object");
    if (!added.is_null() && !added.is_array()) file_.refuse("added_tokens", "it is no list");
    const std::size_t most = vocab.size() + added.size();
    if (most > static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
      file_.refuse("model.vocab", "it has more tokens than ids can count");
    spec_.tokens.resize(most);
    spec_.token_types.assign(most, kNormalToken);
    ids_.reserve(most);
    for (const auto& [content, id] : vocab.items()) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= most)
        file_.refuse("model.vocab",
                     fmt::format("the id of \"{}\" is {}, but there are {} tokens", content, json_text(id), most));
      place_token(content, id.get<std::size_t>(), "model.vocab");
      if (sentencepiece_ && content.size() == 6 && content.starts_with("<0x") && content.back() == '>')
        spec_.token_types[id.get<std::size_t>()] = kByteToken;
    }
    for (std::size_t i = 0; i < added.size(); ++i) read_added(added[i], fmt::format("added_tokens[{}]", i), most);
    spec_.tokens.resize(ids_.size());
    spec_.token_types.resize(ids_.size());
    const auto gap = std::find(spec_.tokens.begin(), spec_.tokens.end(), "");
    if (gap != spec_.tokens.end())
      file_.refuse("model.vocab",
                   fmt::format("no token has the id {}, but others have larger ones", gap - spec_.tokens.begin()));
  }

  void place_token(const std::string& content, std::size_t id, const std::string& place) {
    if (content.empty()) file_.refuse(place, fmt::format("the token with the id {} is empty", id));
    if (!spec_.tokens[id].empty())
      file_.refuse(place, fmt::format("\"{}\" and \"{}\" have the same id {}", spec_.tokens[id], content, id));
    spec_.tokens[id] = content;
    ids_.emplace(content, static_cast<TokenId>(id));
  }

  void read_added(const json& entry, const std::string& place, std::size_t most) {
    const AddedTokenEntry token = read_added_token(entry, place, file_);
    if (token.id < 0 || static_cast<std::size_t>(token.id) >= most)
      file_.refuse(place, fmt::format("the id of \"{}\" is missing or not below {}", token.content, most));
    const auto found = ids_.find(token.content);
    if (found != ids_.end() && found->second != token.id)
      file_.refuse(place,
                   fmt::format("\"{}\" has the id {} here and {} elsewhere", token.content, token.id, found->second));
    const auto id = static_cast<std::size_t>(token.id);
    if (found == ids_.end()) place_token(token.content, id, place);
    spec_.token_types[id] = type_of_added(token, normalizes_, place, file_);
  }

  void read_merges() {
    const json& merges = part(model_, "merges");
    if (!merges.is_array()) file_.refuse("model.merges", "it is missing or no list");
    spec_.merges.reserve(merges.size());
    for (std::size_t i = 0; i < merges.size(); ++i) {
      const json& merge = merges[i];
      if (merge.is_string()) {
        spec_.merges.push_back(merge.get<std::string>());
        continue;
      }
      if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string())
        file_.refuse(fmt::format("model.merges[{}]", i), "it is neither a text nor a pair of texts");
      const auto &left = merge[0].get_ref<const std::string&>(), &right = merge[1].get_ref<const std::string&>();
      if (left.find(' ') != std::string::npos || right.find(' ') != std::string::npos)
        file_.refuse_unsupported(fmt::format("model.merges[{}]", i), "a part with a space");
      spec_.merges.push_back(fmt::format("{} {}", left, right));
    }
  }

  // For programs that know SentencePiece's scores only: earlier merges score higher, what no merge makes comes last.
  void score_by_merges() {
    spec_.scores.assign(spec_.tokens.size(), 0.0f);
    std::vector<bool> joined(spec_.tokens.size());
    float next = 0;
    for (const std::string& merge : spec_.merges) {
      std::string text = merge;
      if (const std::size_t space = text.find(' '); space != std::string::npos) text.erase(space, 1);
      const auto found = ids_.find(text);
      if (found == ids_.end() || joined[static_cast<std::size_t>(found->second)]) continue;
      joined[static_cast<std::size_t>(found->second)] = true;
      spec_.scores[static_cast<std::size_t>(found->second)] = next--;
    }
    for (std::size_t i = 0; i < joined.size(); ++i) {
      if (!joined[i] && spec_.token_types[i] == kNormalToken) spec_.scores[i] = next--;
    }
  }

  void read_unknown() {
    const json& name = part(model_, "unk_token");
    if (name.is_null()) return;
    const auto found = name.is_string() ? ids_.find(name.get<std::string>()) : ids_.end();
    if (found == ids_.end()) file_.refuse("model", fmt::format("\"unk_token\" {} is no token", json_text(name)));
    spec_.unknown = found->second;
    // In a byte-level vocabulary it stays what it is: a byte without a letter is left out, for text makes no control
    // token.
    if (sentencepiece_) spec_.token_types[static_cast<std::size_t>(spec_.unknown)] = kUnknownToken;
  }

  void read_post_processor() {
    for (const json& step : steps("post_processor", "processors")) {
      const std::string type = text_of(step, "type");
      if (type == "ByteLevel") continue;
      if (type != "TemplateProcessing") file_.refuse_unsupported("post_processor", fmt::format("\"{}\"", type));
      const json& single = part(step, "single");
      if (!single.is_array()) file_.refuse("post_processor", "\"single\" is missing or no list");
      read_template(single);
    }
  }

  // One token before the text, one after it, or none.
  void read_template(const json& single) {
    bool after_text = false;
    for (const json& item : single) {
      if (item.is_object() && item.contains("Sequence")) {
        if (after_text) file_.refuse_unsupported("post_processor", "a template with the text twice");
        after_text = true;
        continue;
      }
      const std::string name = item.is_object() ? text_of(part(item, "SpecialToken"), "id") : "";
      const auto found = ids_.find(name);
      if (found == ids_.end()) file_.refuse("post_processor", fmt::format("{} names no token", json_text(item)));
      bool& adds = after_text ? spec_.add_eos : spec_.add_bos;
      if (adds) file_.refuse_unsupported("post_processor", "a template with more than one token on a side of the text");
      adds = true;
      (after_text ? spec_.eos : spec_.bos) = found->second;
    }
  }

  TokenizerFile file_;
  const json root_;
  const json& model_;
  TokenizerSpec spec_;
  bool sentencepiece_ = false;
  bool normalizes_ = false;  // a normalizer changes the text before added tokens marked "normalized" are looked for
  std::unordered_map<std::string, TokenId> ids_;
};

}  // namespace

TokenizerSpec read_tokenizer_json(const fs::path& path) {
  return JsonTokenizer(path).read();
}

}  // namespace faqsmith
