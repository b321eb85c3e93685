// The vocabulary file first, then what the files beside it add, last a try whether the whole holds together.
#include "model/tokenizer_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <system_error>
#include <unordered_map>

#include "base/error.h"
#include "base/json_text.h"
#include "model/tokenizer_parts.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxTemplateBytes = std::size_t{4} << 20;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

json read_if_there(const TokenizerFile& file) {
  return is_there(file.path()) ? file.read_json(kMaxConfigBytes) : json::object();
}

const json& part(const json& object, const char* key) {
  static const json kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

class HfTokenizer {
 public:
  explicit HfTokenizer(fs::path folder) : folder_(std::move(folder)) {}

  TokenizerSpec read() {
    read_vocabulary();
    const TokenizerFile config_file(folder_ / "tokenizer_config.json"), map_file(folder_ / "special_tokens_map.json");
    const json config = read_if_there(config_file), map = read_if_there(map_file);
    if (from_model_file_) {
      append_added_tokens(config, config_file);
      append_old_added_tokens(config, map);
    }
    index_tokens();
    read_special_tokens(config, config_file);
    read_flags(config, config_file);
    read_chat_template(config, config_file);
    read_special_tokens(map, map_file);
    read_end_tokens();
    if (is_there(folder_ / "chat_template.jinja"))
      spec_.chat_template = read_file(folder_ / "chat_template.jinja", kMaxTemplateBytes);
    try_tokenizer(spec_, vocabulary_.string());
    return std::move(spec_);
  }

 private:
  void read_vocabulary() {
    vocabulary_ = folder_ / "tokenizer.json";
    if (is_there(vocabulary_)) {
      spec_ = read_tokenizer_json(vocabulary_);
      return;
    }
    vocabulary_ = folder_ / "tokenizer.model";
    if (!is_there(vocabulary_)) {
      throw Error(Kind::Input, folder_.string() + ": neither tokenizer.json nor tokenizer.model is there",
                  "give the folder of a Hugging Face model with its tokenizer");
    }
    from_model_file_ = true;
    spec_ = read_tokenizer_model(vocabulary_);
  }

  // tokenizer.model ends where training ended; tokens that were added later stand in the configuration alone.
  void append_added_tokens(const json& config, const TokenizerFile& file) {
    const json& added = part(config, "added_tokens_decoder");
    if (added.is_null()) return;
    if (!added.is_object()) file.refuse("added_tokens_decoder", "it is no object");
    std::vector<AddedTokenEntry> entries;
    for (const auto& [key, value] : added.items()) {
      const std::string place = fmt::format("added_tokens_decoder[\"{}\"]", key.substr(0, 40));
      AddedTokenEntry entry = read_added_token(value, place, file);
      TokenId id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size() || id < 0) file.refuse(place, "the key is no id");
      entry.id = id;
      entries.push_back(std::move(entry));
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (const AddedTokenEntry& entry : entries) append_added_token(entry, file);
  }

  void append_added_token(const AddedTokenEntry& entry, const TokenizerFile& file) {
    const std::string place = fmt::format("the token \"{}\"", entry.content.substr(0, 40));
    const auto id = static_cast<std::size_t>(entry.id);
    if (id > spec_.tokens.size()) file.refuse(place, fmt::format("no token has the id {}", spec_.tokens.size()));
    if (id < spec_.tokens.size()) {
      if (spec_.tokens[id] != entry.content)
        file.refuse(place, fmt::format("\"{}\" is \"{}\" in the vocabulary", entry.content, spec_.tokens[id]));
      if (spec_.token_types[id] == kNormalToken) spec_.token_types[id] = type_of_added(entry, true, place, file);
      return;
    }
    spec_.token_types.push_back(type_of_added(entry, true, place, file));
    spec_.tokens.push_back(entry.content);
    spec_.scores.push_back(0);
  }

  // Older folders: {"<pad>": 32000}, and which of them are special stands elsewhere.
  void append_old_added_tokens(const json& config, const json& map) {
    const TokenizerFile file(folder_ / "added_tokens.json");
    std::set<std::string> special;
    const auto note = [&](const json& token) {
      const json& name = token.is_object() ? part(token, "content") : token;
      if (name.is_string()) special.insert(name.get<std::string>());
    };
    for (const json* object : {&config, &map}) {
      for (const auto& [key, value] : object->items()) {
        if (key.ends_with("_token")) note(value);
      }
      for (const json& token : part(*object, "additional_special_tokens")) note(token);
    }
    std::vector<AddedTokenEntry> entries;
    const json added = read_if_there(file);
    for (const auto& [content, id] : added.items()) {
      const bool known = id.is_number_unsigned() && id.get<std::uint64_t>() < spec_.tokens.size() &&
                         spec_.tokens[id.get<std::size_t>()] == content;
      if (known) continue;
      const json entry = {{"id", id}, {"content", content}, {"special", special.contains(content)}};
      entries.push_back(read_added_token(entry, fmt::format("\"{}\"", content.substr(0, 40)), file));
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (const AddedTokenEntry& entry : entries) append_added_token(entry, file);
  }

  void index_tokens() {
    ids_.reserve(spec_.tokens.size());
    for (std::size_t i = 0; i < spec_.tokens.size(); ++i) ids_.emplace(spec_.tokens[i], static_cast<TokenId>(i));
  }

  // "</s>" or {"content": "</s>", …}; nothing if the file does not say.
  static std::optional<std::string> name_of(const json& object, const char* key, const TokenizerFile& file) {
    const json& value = part(object, key);
    if (value.is_null()) return std::nullopt;
    const json& name = value.is_object() ? part(value, "content") : value;
    if (!name.is_string()) file.refuse(key, "it names no token");
    return name.get<std::string>();
  }

  void read_special_tokens(const json& config, const TokenizerFile& file) {
    const auto read = [&](const char* key, TokenId& id) {
      const auto name = name_of(config, key, file);
      if (!name) return false;
      const auto found = ids_.find(*name);
      if (found == ids_.end())
        file.refuse(key, fmt::format("\"{}\" is no token of {}", *name, vocabulary_.filename().string()));
      id = found->second;
      return true;
    };
    const TokenId bos = spec_.bos, eos = spec_.eos;
    if (!named_.bos) named_.bos = read("bos_token", spec_.bos);
    if (!named_.eos) named_.eos = read("eos_token", spec_.eos);
    if (spec_.add_bos && bos >= 0 && spec_.bos != bos)
      file.refuse("bos_token", "another token is put before each text");
    if (spec_.add_eos && eos >= 0 && spec_.eos != eos) file.refuse("eos_token", "another token is put after each text");
    // transformers adds these two when the vocabulary lacks them; a model without their rows cannot have been meant.
    const std::pair<const char*, TokenId*> others[] = {{"unk_token", &spec_.unknown}, {"pad_token", &spec_.pad}};
    for (const auto& [key, id] : others) {
      const auto name = name_of(config, key, file);
      const auto found = name ? ids_.find(*name) : ids_.end();
      if (*id < 0 && found != ids_.end()) *id = found->second;
    }
  }

  void read_flags(const json& config, const TokenizerFile& file) {
    const auto read = [&](const char* key, bool& flag, TokenId id) {
      const json& value = part(config, key);
      if (value.is_null()) return;
      if (!value.is_boolean()) file.refuse(key, "it is neither true nor false");
      flag = value.get<bool>();
      if (flag && id < 0) file.refuse(key, "it is set, but there is no such token");
    };
    read("add_bos_token", spec_.add_bos, spec_.bos);
    read("add_eos_token", spec_.add_eos, spec_.eos);
    const json& prefix = part(config, "add_prefix_space");
    if (from_model_file_ && prefix == false) spec_.space_prefix = SpacePrefix::None;
  }

  // A template, or several by name, of which "default" is meant for conversations.
  void read_chat_template(const json& config, const TokenizerFile& file) {
    const json& chat = part(config, "chat_template");
    if (chat.is_null()) return;
    if (chat.is_string()) {
      spec_.chat_template = chat.get<std::string>();
      return;
    }
    if (!chat.is_array()) file.refuse("chat_template", "it is neither a text nor a list");
    for (const json& named : chat) {
      if (!named.is_object() || !part(named, "template").is_string())
        file.refuse("chat_template", "an entry has no \"template\"");
      if (part(named, "name") == "default") spec_.chat_template = named["template"].get<std::string>();
    }
  }

  void read_end_tokens() {
    const TokenizerFile file(folder_ / "generation_config.json");
    const json config = read_if_there(file);
    const json& eos = part(config, "eos_token_id");
    if (eos.is_null()) return;
    const std::vector<json> list = eos.is_array() ? eos.get<std::vector<json>>() : std::vector<json>{eos};
    for (const json& id : list) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= spec_.tokens.size())
        file.refuse("eos_token_id", fmt::format("{} is no id below {}", json_text(id), spec_.tokens.size()));
      const auto token = id.get<TokenId>();
      if (spec_.eos < 0) spec_.eos = token;
      if (token != spec_.eos) spec_.more_eos.push_back(token);
    }
  }

  fs::path folder_, vocabulary_;
  bool from_model_file_ = false;
  TokenizerSpec spec_;
  std::unordered_map<std::string, TokenId> ids_;
  struct {
    bool bos = false, eos = false;
  } named_;
};

}  // namespace

TokenizerSpec read_hf_tokenizer(const fs::path& folder) {
  return HfTokenizer(folder).read();
}

}  // namespace faqsmith
