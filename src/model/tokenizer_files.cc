// Byte-level BPE only: what SmolLM and GPT-2 have.
#include "model/tokenizer_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/error.h"
#include "formats/untrusted_json.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxTokenizerBytes = std::size_t{1} << 26, kMaxConfigBytes = std::size_t{1} << 24;
constexpr std::int32_t kNormal = 1, kControl = 3, kUserDefined = 4;
constexpr const char* kHint = "choose another model, or download the whole folder again";

[[noreturn]] void refuse(const fs::path& file, const std::string& reason) {
  throw Error(Kind::Input, fmt::format("{}: {}", file.string(), reason), kHint);
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

json read_json(const fs::path& path, std::size_t max_bytes) {
  json out = parse_untrusted_json(read_file(path, max_bytes), {.place = path.string(), .hint = kHint});
  if (!out.is_object()) refuse(path, "it is no JSON object");
  return out;
}

const json& part(const json& object, const char* key, json::value_t type, const fs::path& file) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || found->type() != type)
    refuse(file, fmt::format("\"{}\" is missing or of a wrong type", key));
  return *found;
}

// ids are dense: none is as large as there are entries.
void set_token(TokenizerSpec& spec, const json& id, const std::string& text, std::int32_t type, std::size_t n_entries,
               const fs::path& file) {
  if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= n_entries)
    refuse(file, fmt::format("token \"{}\" has the id {}, but there are {} tokens", text, id.dump(), n_entries));
  const auto at = id.get<std::size_t>();
  if (at >= spec.tokens.size()) {
    spec.tokens.resize(at + 1);
    spec.token_types.resize(at + 1, kNormal);
  }
  if (!spec.tokens[at].empty() && spec.tokens[at] != text)
    refuse(file, fmt::format("tokens \"{}\" and \"{}\" have the same id {}", spec.tokens[at], text, at));
  spec.tokens[at] = text;
  spec.token_types[at] = type;
}

void read_tokens(const json& file, TokenizerSpec& spec, const fs::path& path) {
  const json& model = part(file, "model", json::value_t::object, path);
  const json type = model.value("type", json("BPE"));
  if (type != "BPE") refuse(path, fmt::format("a tokenizer model {} is not supported yet", type.dump()));
  const json& vocabulary = part(model, "vocab", json::value_t::object, path);
  const json added = file.value("added_tokens", json::array());
  const std::size_t n_entries = vocabulary.size() + added.size();
  for (const auto& [text, id] : vocabulary.items()) set_token(spec, id, text, kNormal, n_entries, path);
  for (const json& token : added) {
    const std::string text = part(token, "content", json::value_t::string, path).get<std::string>();
    const bool special = token.value("special", json(false)) == true;
    set_token(spec, token.value("id", json()), text, special ? kControl : kUserDefined, n_entries, path);
  }
  const auto gap = std::find(spec.tokens.begin(), spec.tokens.end(), "");
  if (gap != spec.tokens.end()) refuse(path, fmt::format("no token has the id {}", gap - spec.tokens.begin()));
  for (const json& merge : part(model, "merges", json::value_t::array, path)) {
    const bool pair = merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (!pair && !merge.is_string()) refuse(path, fmt::format("merge {} is no pair of texts", merge.dump()));
    spec.merges.push_back(pair ? merge[0].get<std::string>() + " " + merge[1].get<std::string>()
                               : merge.get<std::string>());
  }
}

// Named as llama.cpp names them.
std::string read_pre(const json& file, const fs::path& path) {
  const json pre = file.value("pre_tokenizer", json());
  const auto is = [](const json& step, const char* type) {
    return step.is_object() && step.value("type", json()) == type;
  };
  const auto whole = [&](const json& step) {
    return is(step, "ByteLevel") && step.value("add_prefix_space", json()) != true;
  };
  if (whole(pre)) return "gpt-2";
  const json steps = is(pre, "Sequence") ? pre.value("pretokenizers", json()) : json();
  if (steps.is_array() && steps.size() == 2 && is(steps[0], "Digits") &&
      steps[0].value("individual_digits", json()) == true && whole(steps[1])) {
    return "smollm";
  }
  refuse(path, "this pre-tokenisation is not supported yet");
}

// A special token is written as its text or as an object that holds it.
TokenId special_id(const json& config, const char* key, const TokenizerSpec& spec, const fs::path& path) {
  json value = config.value(key, json());
  if (value.is_object()) value = value.value("content", json());
  if (value.is_null()) return -1;
  if (!value.is_string()) refuse(path, fmt::format("\"{}\" is {}", key, value.dump()));
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), value.get<std::string>());
  if (found == spec.tokens.end()) refuse(path, fmt::format("\"{}\" is {}, which is no token", key, value.dump()));
  return static_cast<TokenId>(found - spec.tokens.begin());
}

std::string chat_template(const json& config, const fs::path& folder) {
  if (is_there(folder / "chat_template.jinja")) return read_file(folder / "chat_template.jinja", kMaxConfigBytes);
  const json value = config.value("chat_template", json());
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return "";
  for (const json& named : value) {
    if (named.is_object() && named.value("name", json()) == "default" && named.value("template", json()).is_string())
      return named["template"].get<std::string>();
  }
  return "";
}

}  // namespace

TokenizerSpec read_hf_tokenizer(const fs::path& folder) {
  const fs::path path = folder / "tokenizer.json", config_path = folder / "tokenizer_config.json";
  if (!is_there(path)) refuse(folder, "there is no tokenizer.json");
  const json file = read_json(path, kMaxTokenizerBytes);
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = read_pre(file, path);
  read_tokens(file, spec, path);
  const json config = is_there(config_path) ? read_json(config_path, kMaxConfigBytes) : json::object();
  spec.bos = special_id(config, "bos_token", spec, config_path);
  spec.eos = special_id(config, "eos_token", spec, config_path);
  spec.unknown = special_id(config, "unk_token", spec, config_path);
  spec.pad = special_id(config, "pad_token", spec, config_path);
  spec.add_bos = config.value("add_bos_token", json()) == true;
  spec.chat_template = chat_template(config, folder);
  return spec;
}

}  // namespace faqsmith
