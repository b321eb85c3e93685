// Everything that answering needs, opened together: the workspace for reading, the model, the sources.
#pragma once
#include <memory>
#include <optional>

#include "app/answer.h"
#include "app/settings.h"
#include "app/shelf.h"

namespace faqsmith {

enum class WhichModel { Tuned, Base };

struct Bot {
  std::unique_ptr<Database> db;  // null: the base model without a workspace
  std::unique_ptr<LocalModel> model;
  std::unique_ptr<SourceFinder> sources;  // null where db is
};
// config gets the topic and model that the bot was trained with, where it sets none.
// With the setting bot.adapter Tuned is the model with that adapter; it needs no workspace.
// Throws Error(User) if there is no workspace, or nothing was trained in it (Tuned); the base model needs no workspace.
[[nodiscard]] Bot open_bot(const fs::path& workspace, Config& config, WhichModel which, Reporter& reporter);

}  // namespace faqsmith
