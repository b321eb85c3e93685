// tokenizer.json as PyPI's tokenizers writes it for SmolLM and GPT-2.
#include "model/tokenizer_files_save.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr std::int32_t kNormal = 1, kControl = 3, kUserDefined = 4;

json pre_tokenizer_json(const TokenizerSpec& spec) {
  json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  if (spec.pre == "gpt-2") return bytes;
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  return {{"type", "Sequence"}, {"pretokenizers", json::array({digits, bytes})}};
}

json tokenizer_json(const TokenizerSpec& spec) {
  json vocabulary = json::object(), added = json::array(), merges = json::array();
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    vocabulary[spec.tokens[id]] = id;
    const std::int32_t type = spec.token_types.empty() ? kNormal : spec.token_types[id];
    if (type != kControl && type != kUserDefined) continue;
    added.push_back({{"id", id},
                     {"content", spec.tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", type == kControl}});
  }
  for (const std::string& merge : spec.merges) {
    const auto space = merge.find(' ');
    merges.push_back(json::array({merge.substr(0, space), merge.substr(space + 1)}));
  }
  json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", pre_tokenizer_json(spec)},
          {"post_processor", nullptr},
          {"decoder", bytes},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocabulary},
            {"merges", merges}}}};
}

}  // namespace

bool save_hf_tokenizer(const fs::path& folder, const TokenizerSpec& spec) {
  if (spec.model != "gpt2" || (spec.pre != "smollm" && spec.pre != "gpt-2")) return false;
  json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"add_prefix_space", false},
                 {"clean_up_tokenization_spaces", false},
                 {"add_bos_token", spec.add_bos}};
  const auto add = [&](const char* key, TokenId id) {
    if (id >= 0) config[key] = spec.tokens[static_cast<std::size_t>(id)];
  };
  add("bos_token", spec.bos);
  add("eos_token", spec.eos);
  add("unk_token", spec.unknown);
  add("pad_token", spec.pad);
  if (!spec.chat_template.empty()) config["chat_template"] = spec.chat_template;
  write_file_atomic(folder / "tokenizer.json", json_text(tokenizer_json(spec), 2) + "\n");
  write_file_atomic(folder / "tokenizer_config.json", json_text(config, 2) + "\n");
  return true;
}

}  // namespace faqsmith
