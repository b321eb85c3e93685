// What the readers of tokenizer files share.
#include "model/tokenizer_parts.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;  // published files have at most 8

// llama.cpp's converter has the same rule: such a token frames turns, whatever its file says. The second form, with
// U+FF5C, is DeepSeek's in its distilled Llama models.
bool looks_like_a_mark(const std::string& content) {
  return (content.size() > 4 && content.starts_with("<|") && content.ends_with("|>")) ||
         (content.size() > 8 && content.starts_with("<\xEF\xBD\x9C") && content.ends_with("\xEF\xBD\x9C>"));
}

// A file may hold names of megabytes: what is shown of them is cut.
std::string located(const fs::path& path, const std::string& place, const std::string& reason) {
  constexpr std::size_t kShown = 500;
  const std::string what = place.empty() ? reason : place + ": " + reason;
  return fmt::format("{}: {}{}", path.string(), repair_utf8(what.substr(0, kShown)), what.size() > kShown ? "…" : "");
}

}  // namespace

void TokenizerFile::refuse(const std::string& place, const std::string& reason) const {
  throw Error(Kind::Input, located(path_, place, reason), "the file is damaged or of another kind: download it again");
}

void TokenizerFile::refuse_unsupported(const std::string& place, const std::string& what) const {
  throw Error(Kind::Input, located(path_, place, what + " is not supported yet"),
              "use a Llama-family model with one of the published tokenizers");
}

json TokenizerFile::read_json(std::size_t max_bytes) const {
  const std::string text = read_file(path_, max_bytes);
  const json::parser_callback_t bounded = [&](int depth, json::parse_event_t event, json&) {
    const bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (opens && depth >= kMaxDepth) refuse("", fmt::format("it is nested more than {} deep", kMaxDepth));
    return true;
  };
  json root;
  try {
    root = json::parse(text, bounded);
  } catch (const json::exception& e) {
    refuse("", fmt::format("it is no JSON: {}", e.what()));
  }
  if (!root.is_object()) refuse("", "it is no JSON object");
  return root;
}

AddedTokenEntry read_added_token(const json& entry, const std::string& place, const TokenizerFile& file) {
  if (!entry.is_object()) file.refuse(place, "an added token is no object");
  AddedTokenEntry out;
  if (entry.contains("id")) {
    const json& id = entry["id"];
    if (!id.is_number_unsigned() ||
        id.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<TokenId>::max()))
      file.refuse(place, fmt::format("the id {} is no number from 0 to 2^31 - 1", json_text(id)));
    out.id = id.get<std::int64_t>();
  }
  if (!entry.contains("content") || !entry["content"].is_string() ||
      entry["content"].get_ref<const std::string&>().empty())
    file.refuse(place, "\"content\" is missing or no text");
  out.content = entry["content"];
  const auto flag = [&](const char* key) {
    if (!entry.contains(key)) return false;
    if (!entry[key].is_boolean()) file.refuse(place, fmt::format("\"{}\" is neither true nor false", key));
    return entry[key].get<bool>();
  };
  out.special = flag("special");
  out.normalized = flag("normalized");
  out.single_word = flag("single_word");
  out.strips = flag("lstrip");
  out.strips = flag("rstrip") || out.strips;
  return out;
}

TokenType type_of_added(const AddedTokenEntry& entry, bool text_is_normalized, const std::string& place,
                        const TokenizerFile& file) {
  if (entry.special || looks_like_a_mark(entry.content)) return kControlToken;
  const std::string name = fmt::format("the added token \"{}\"", entry.content);
  if (entry.single_word) file.refuse_unsupported(place, name + " with \"single_word\"");
  if (entry.strips) file.refuse_unsupported(place, name + " with \"lstrip\" or \"rstrip\"");
  if (entry.normalized && text_is_normalized) file.refuse_unsupported(place, name + " with \"normalized\"");
  return kUserDefinedToken;
}

void try_tokenizer(const TokenizerSpec& spec, const std::string& file) {
  try {
    (void)Tokenizer(spec);
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{}: {}", file, e.what()), e.hint());
  }
}

}  // namespace faqsmith
