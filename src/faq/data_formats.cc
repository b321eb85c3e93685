// Reading and writing of the four formats. nlohmann's parser recurses, so depth is checked before it sees a line.
#include "faq/data_formats.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxLine_bytes = std::size_t{16} << 20;
constexpr int kMaxDepth = 64;
constexpr std::string_view kInputGap = "\n\n";  // between an Alpaca row's instruction and its input

int depth_of(std::string_view json) {
  int depth = 0, deepest = 0;
  bool in_string = false, escaped = false;
  for (const char c : json) {
    if (in_string) {
      if (escaped) {
        escaped = false;
      } else if (c == '\\') {
        escaped = true;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(
      Kind::Input, fmt::format("{}: {}", where, what),
      "each line must be one JSON object with question and answer, instruction and output, conversations, or messages");
}

Json parse_json(std::string_view text, const std::string& where) {
  if (text.size() > kMaxLine_bytes)
    refuse(where, fmt::format("a row of {} is too long", human_bytes(static_cast<double>(text.size()))));
  if (depth_of(text) > kMaxDepth) refuse(where, "JSON is nested too deeply");
  try {
    return parse_ordered_json(text);
  } catch (const nlohmann::json::exception& e) {
    refuse(where, fmt::format("this is no JSON ({})", e.what()));
  }
}

std::string take_text(Json& row, const char* field, const std::string& where, bool required = true) {
  const auto found = row.find(field);
  if (found == row.end()) {
    if (required) refuse(where, fmt::format("the field \"{}\" is missing", field));
    return "";
  }
  if (!found->is_string()) refuse(where, fmt::format("the field \"{}\" is not a text", field));
  std::string text = found->get<std::string>();
  row.erase(field);
  return text;
}

// Turns of a conversation in the wanted order: system first if at all, then user and assistant in turn.
void add_turn(DataRow& row, Role role, std::string text, const std::string& where) {
  if (role == Role::System) {
    if (!row.turns.empty() || !row.system.empty()) refuse(where, "a system turn must come first");
    row.system = std::move(text);
    return;
  }
  const Role expected = row.turns.size() % 2 == 0 ? Role::User : Role::Assistant;
  if (role != expected) refuse(where, "user and assistant turns must alternate, the user first");
  row.turns.push_back({role, std::move(text)});
}

Role role_of(std::string_view name, const std::string& where) {
  if (name == "system") return Role::System;
  if (name == "user" || name == "human") return Role::User;
  if (name == "assistant" || name == "gpt" || name == "model" || name == "bot") return Role::Assistant;
  refuse(where, fmt::format("\"{}\" is no role of a conversation", name));
}

void read_turns(DataRow& row, Json& json, const char* list, const char* role, const char* text,
                const std::string& where) {
  const Json turns = std::move(json[list]);
  json.erase(list);
  if (!turns.is_array()) refuse(where, fmt::format("\"{}\" is no list", list));
  for (const Json& turn : turns) {
    if (!turn.is_object() || !turn.contains(role) || !turn.contains(text) || !turn[role].is_string() ||
        !turn[text].is_string())
      refuse(where, fmt::format("a turn needs the texts \"{}\" and \"{}\"", role, text));
    add_turn(row, role_of(turn[role].get<std::string>(), where), turn[text].get<std::string>(), where);
  }
  if (row.turns.size() < 2 || row.turns.size() % 2 != 0)
    refuse(where, "a conversation needs a question and its answer");
}

void read_alpaca(DataRow& row, Json& json, const std::string& where) {
  std::string question = take_text(json, "instruction", where);
  const std::string input = take_text(json, "input", where, false);
  if (!input.empty()) question.append(kInputGap).append(input);
  row.system = take_text(json, "system", where, false);
  row.turns = {{Role::User, std::move(question)}, {Role::Assistant, take_text(json, "output", where)}};
  if (!input.empty()) json["input"] = input;  // so that writing Alpaca again finds where the instruction ends
}

DataRow read_row(Json json, const std::string& where) {
  if (!json.is_object()) refuse(where, "a row must be a JSON object");
  DataRow row;
  if (json.contains("messages")) {
    read_turns(row, json, "messages", "role", "content", where);
  } else if (json.contains("conversations")) {
    if (json.contains("system")) row.system = take_text(json, "system", where);
    read_turns(row, json, "conversations", "from", "value", where);
  } else if (json.contains("instruction")) {
    read_alpaca(row, json, where);
  } else {
    std::string question = take_text(json, "question", where);
    row.system = take_text(json, "system", where, false);
    row.turns = {{Role::User, std::move(question)}, {Role::Assistant, take_text(json, "answer", where)}};
  }
  for (const Message& turn : row.turns)
    if (trim(turn.text).empty())
      refuse(where, turn.role == Role::User ? "the question is empty" : "the answer is empty");
  if (!json.empty()) row.extra = json_text(json);
  return row;
}

const char* role_name(Role role, DataFormat format) {
  if (role == Role::System) return "system";
  if (format == DataFormat::ShareGpt) return role == Role::User ? "human" : "gpt";
  return role == Role::User ? "user" : "assistant";
}

Json turns_json(const DataRow& row, DataFormat format) {
  const bool sharegpt = format == DataFormat::ShareGpt;
  const char *role = sharegpt ? "from" : "role", *text = sharegpt ? "value" : "content";
  Json turns = Json::array();
  if (!row.system.empty()) turns.push_back({{role, "system"}, {text, row.system}});
  for (const Message& turn : row.turns) turns.push_back({{role, role_name(turn.role, format)}, {text, turn.text}});
  return turns;
}

void require_single(const DataRow& row, DataFormat format) {
  if (row.turns.size() == 2) return;
  throw Error(Kind::User,
              fmt::format("a conversation of {} turns does not fit into the format {}", row.turns.size(),
                          data_format_name(format)),
              "export as messages or sharegpt");
}

// An Alpaca row read from a file keeps its own border between instruction and input.
void split_input(Json& json, const DataRow& row) {
  if (row.extra.empty()) return;
  const Json extra = parse_ordered_json(row.extra);
  if (!extra.contains("input") || !extra["input"].is_string()) return;
  const std::string ending = std::string(kInputGap) + extra["input"].get<std::string>();
  if (!row.question().ends_with(ending)) return;
  json["instruction"] = row.question().substr(0, row.question().size() - ending.size());
  json["input"] = extra["input"];
}

}  // namespace

std::optional<DataFormat> parse_data_format(std::string_view name) {
  for (const DataFormat format : {DataFormat::Faq, DataFormat::Alpaca, DataFormat::ShareGpt, DataFormat::Messages})
    if (name == data_format_name(format)) return format;
  return std::nullopt;
}

const char* data_format_name(DataFormat format) {
  switch (format) {
    case DataFormat::Faq:
      return "faq";
    case DataFormat::Alpaca:
      return "alpaca";
    case DataFormat::ShareGpt:
      return "sharegpt";
    case DataFormat::Messages:
      return "messages";
  }
  return "";
}

std::vector<DataRow> read_data(std::string_view bytes, const std::string& where) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::vector<DataRow> rows;
  if (trim(bytes).starts_with("[")) {
    Json all = parse_json(bytes, where);
    for (std::size_t i = 0; i < all.size(); ++i)
      rows.push_back(read_row(std::move(all[i]), fmt::format("{} row {}", where, i + 1)));
    return rows;
  }
  std::size_t number = 0, begin = 0;
  while (begin < bytes.size()) {
    std::size_t end = bytes.find('\n', begin);
    if (end == std::string_view::npos) end = bytes.size();
    const std::string_view line = trim(bytes.substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.empty()) continue;
    const std::string place = fmt::format("{} line {}", where, number);
    rows.push_back(read_row(parse_json(line, place), place));
  }
  return rows;
}

std::string write_row(const DataRow& row, DataFormat format) {
  Json json;
  if (format == DataFormat::Faq || format == DataFormat::Alpaca) require_single(row, format);
  switch (format) {
    case DataFormat::Faq:
      json["question"] = row.question();
      json["answer"] = row.answer();
      if (!row.system.empty()) json["system"] = row.system;
      break;
    case DataFormat::Alpaca:
      json["instruction"] = row.question();
      json["input"] = "";
      split_input(json, row);
      json["output"] = row.answer();
      if (!row.system.empty()) json["system"] = row.system;
      break;
    case DataFormat::ShareGpt:
      json["conversations"] = turns_json(row, format);
      break;
    case DataFormat::Messages:
      json["messages"] = turns_json(row, format);
      break;
  }
  if (!row.extra.empty()) {
    const Json extra = parse_ordered_json(row.extra);
    for (const auto& [field, value] : extra.items())
      if (!json.contains(field)) json[field] = value;
  }
  return json_text(json);
}

}  // namespace faqsmith
