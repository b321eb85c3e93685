// A small JSON file; a damaged one counts as absent.
#include "app/bot_record.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace faqsmith {
namespace {

fs::path record_path(const fs::path& workspace) {
  return workspace / "runs" / "bot.json";
}

}  // namespace

void write_bot_record(const fs::path& workspace, const BotRecord& record) {
  const nlohmann::ordered_json json = {{"topic", record.topic}, {"model", record.model}};
  write_file_atomic(record_path(workspace), json_text(json, 2) + "\n");
}

std::optional<BotRecord> read_bot_record(const fs::path& workspace) {
  std::error_code error;
  if (!fs::exists(record_path(workspace), error)) return std::nullopt;
  const auto json = try_parse_json(read_file(record_path(workspace)));
  if (!json.is_object() || !json.contains("topic") || !json.contains("model")) return std::nullopt;
  if (!json["topic"].is_string() || !json["model"].is_string()) return std::nullopt;
  return BotRecord{json["topic"].get<std::string>(), json["model"].get<std::string>()};
}

void use_bot_record(const fs::path& workspace, Config& config) {
  const auto record = read_bot_record(workspace);
  if (!record) return;
  const std::string place = record_path(workspace).string();
  if (config.is_default("bot.topic")) config.set("bot.topic", {record->topic}, Origin::File, place);
  if (config.is_default("model")) config.set("model", {record->model}, Origin::File, place);
}

}  // namespace faqsmith
