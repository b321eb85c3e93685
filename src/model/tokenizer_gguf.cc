// Key by key; absent keys mean what llama.cpp takes them to mean.
#include "model/tokenizer_gguf.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/tokenizer_parts.h"

namespace faqsmith {
namespace {

constexpr const char* kOwnMerges = "faqsmith.tokenizer.merges";
constexpr const char* kOwnSpacePrefix = "faqsmith.tokenizer.space_prefix";
constexpr const char* kOwnMoreEos = "faqsmith.tokenizer.more_eos_token_ids";

constexpr std::pair<SpacePrefix, const char*> kPrefixNames[] = {{SpacePrefix::None, "none"},
                                                                {SpacePrefix::Text, "text"},
                                                                {SpacePrefix::Each, "each"},
                                                                {SpacePrefix::FirstIfMissing, "first-if-missing"},
                                                                {SpacePrefix::EachIfMissing, "each-if-missing"}};

[[noreturn]] void refuse(const GgufFile& file, const std::string& reason) {
  throw Error(Kind::Input, fmt::format("{}: {}", file.file(), reason),
              "choose another model file, or convert it again with a current tool");
}

TokenId check_id(const GgufFile& file, const char* key, std::int64_t id, std::size_t n_tokens) {
  if (id < 0 || static_cast<std::uint64_t>(id) >= n_tokens)
    refuse(file, fmt::format("metadata \"{}\" is {}, but there are {} tokens", key, id, n_tokens));
  return static_cast<TokenId>(id);
}

TokenId read_special(const GgufFile& file, const char* key, std::size_t n_tokens) {
  const auto id = file.find_integer(key);
  return id ? check_id(file, key, *id, n_tokens) : -1;
}

bool read_flag(const GgufFile& file, const char* key, bool absent) {
  const bool* flag = file.find<bool>(key);
  return flag ? *flag : absent;
}

void read_types(const GgufFile& file, TokenizerSpec& spec) {
  const auto* types = file.find<GgufIntegers>("tokenizer.ggml.token_type");
  if (!types) return;
  if (types->size() != spec.tokens.size())
    refuse(file, fmt::format("{} tokens, but {} token types", spec.tokens.size(), types->size()));
  for (const std::int64_t type : *types) {
    if (type < 0 || type > 6) refuse(file, fmt::format("token type {} is unknown", type));
    spec.token_types.push_back(static_cast<std::int32_t>(type));
  }
}

SpacePrefix read_space_prefix(const GgufFile& file) {
  if (const auto* own = file.find<std::string>(kOwnSpacePrefix)) {
    for (const auto& [prefix, name] : kPrefixNames) {
      if (*own == name) return prefix;
    }
    refuse(file, fmt::format("metadata \"{}\" is \"{}\", which is not known", kOwnSpacePrefix, *own));
  }
  return read_flag(file, "tokenizer.ggml.add_space_prefix", true) ? SpacePrefix::Each : SpacePrefix::None;
}

void read_sentencepiece(const GgufFile& file, TokenizerSpec& spec) {
  if (read_flag(file, "tokenizer.ggml.remove_extra_whitespaces", false))
    refuse(file, "metadata \"tokenizer.ggml.remove_extra_whitespaces\" is set, which is not supported yet");
  if (file.header().metadata.contains("tokenizer.ggml.precompiled_charsmap"))
    refuse(file, "metadata \"tokenizer.ggml.precompiled_charsmap\" (text normalisation) is not supported yet");
  if (const auto* merges = file.find<GgufStrings>(kOwnMerges)) spec.merges = *merges;
  if (const auto* scores = file.find<GgufReals>("tokenizer.ggml.scores")) {
    if (scores->size() != spec.tokens.size())
      refuse(file, fmt::format("{} tokens, but {} token scores", spec.tokens.size(), scores->size()));
    spec.scores.reserve(scores->size());
    for (const double score : *scores) spec.scores.push_back(static_cast<float>(score));
  }
  spec.space_prefix = read_space_prefix(file);
}

bool is_llama3(const std::string& pre) {
  return pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3";
}

}  // namespace

TokenizerSpec read_gguf_tokenizer(const GgufFile& file) {
  TokenizerSpec spec;
  spec.model = file.get<std::string>("tokenizer.ggml.model");
  spec.tokens = file.get<GgufStrings>("tokenizer.ggml.tokens");
  read_types(file, spec);
  const bool sentencepiece = spec.model == "llama";
  if (sentencepiece) {
    read_sentencepiece(file, spec);
  } else {
    if (const auto* pre = file.find<std::string>("tokenizer.ggml.pre")) spec.pre = *pre;
    if (const auto* merges = file.find<GgufStrings>("tokenizer.ggml.merges")) spec.merges = *merges;
  }
  const std::size_t n = spec.tokens.size();
  spec.bos = read_special(file, "tokenizer.ggml.bos_token_id", n);
  spec.eos = read_special(file, "tokenizer.ggml.eos_token_id", n);
  spec.unknown = read_special(file, "tokenizer.ggml.unknown_token_id", n);
  spec.pad = read_special(file, "tokenizer.ggml.padding_token_id", n);
  if (const auto* more = file.find<GgufIntegers>(kOwnMoreEos)) {
    for (const std::int64_t id : *more) spec.more_eos.push_back(check_id(file, kOwnMoreEos, id, n));
  }
  const bool bos_by_default = spec.bos >= 0 && (sentencepiece || is_llama3(spec.pre));
  spec.add_bos = read_flag(file, "tokenizer.ggml.add_bos_token", bos_by_default);
  spec.add_eos = read_flag(file, "tokenizer.ggml.add_eos_token", false);
  if (const auto* chat = file.find<std::string>("tokenizer.chat_template")) spec.chat_template = *chat;
  try_tokenizer(spec, file.file());
  return spec;
}

void write_gguf_tokenizer(GgufWriter& out, const TokenizerSpec& spec) {
  const bool sentencepiece = spec.model == "llama";
  out.add_string("tokenizer.ggml.model", spec.model);
  if (sentencepiece) {
    out.add_string("tokenizer.ggml.pre", "default");
  } else if (!spec.pre.empty()) {
    out.add_string("tokenizer.ggml.pre", spec.pre);
  }
  out.add_strings("tokenizer.ggml.tokens", spec.tokens);
  const std::vector<std::int32_t> all_normal(spec.tokens.size(), kNormalToken);
  out.add_int32s("tokenizer.ggml.token_type", spec.token_types.empty() ? all_normal : spec.token_types);
  if (!spec.scores.empty()) out.add_float32s("tokenizer.ggml.scores", spec.scores);
  if (!spec.merges.empty()) out.add_strings(sentencepiece ? kOwnMerges : "tokenizer.ggml.merges", spec.merges);
  const auto add_id = [&](const char* key, TokenId id) {
    if (id >= 0) out.add_uint32(key, static_cast<std::uint32_t>(id));
  };
  add_id("tokenizer.ggml.bos_token_id", spec.bos);
  add_id("tokenizer.ggml.eos_token_id", spec.eos);
  add_id("tokenizer.ggml.unknown_token_id", spec.unknown);
  add_id("tokenizer.ggml.padding_token_id", spec.pad);
  if (!spec.more_eos.empty()) out.add_int32s(kOwnMoreEos, spec.more_eos);
  out.add_bool("tokenizer.ggml.add_bos_token", spec.add_bos);
  if (spec.add_eos) out.add_bool("tokenizer.ggml.add_eos_token", true);
  out.add_bool("tokenizer.ggml.add_space_prefix", spec.space_prefix != SpacePrefix::None);
  if (sentencepiece) {
    for (const auto& [prefix, name] : kPrefixNames) {
      if (prefix == spec.space_prefix) out.add_string(kOwnSpacePrefix, name);
    }
  }
  if (!spec.chat_template.empty()) out.add_string("tokenizer.chat_template", spec.chat_template);
}

}  // namespace faqsmith
