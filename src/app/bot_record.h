// What a trained bot must be asked with: the topic of its system prompt and its base model. Written when training ends
// (runs/bot.json), so that ask and chat need no flags that build was given.
#pragma once
#include <optional>
#include <string>

#include "app/settings.h"
#include "sys/file.h"

namespace faqsmith {

struct BotRecord {
  std::string topic;
  std::string model;  // absolute path, or the name of a known model
};

void write_bot_record(const fs::path& workspace, const BotRecord& record);
[[nodiscard]] std::optional<BotRecord> read_bot_record(const fs::path& workspace);  // none: nothing was trained yet
// Topic and model as the bot was trained, where the user sets nothing else. Origin: file, place: runs/bot.json.
void use_bot_record(const fs::path& workspace, Config& config);

}  // namespace faqsmith
