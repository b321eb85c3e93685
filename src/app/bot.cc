// Opens in the order in which things can be missing, so that the cheapest check fails first.
#include "app/bot.h"

#include "app/bot_record.h"
#include "app/models.h"
#include "app/open.h"

namespace faqsmith {

Bot open_bot(const fs::path& workspace, Config& config, WhichModel which, Reporter& reporter) {
  Bot bot;
  std::error_code error;
  const std::string& adapter = config.text("bot.adapter");
  const bool trained_here = which == WhichModel::Tuned && adapter.empty();
  if (trained_here || fs::exists(workspace / "faqsmith.db", error)) bot.db = open_for_reading(workspace);
  use_bot_record(workspace, config);
  const fs::path base = resolve_model(config.text("model"), IfAbsent::Refuse, reporter);
  const Cpu cpu = detect_cpu();
  const EngineOptions options = engine_options(config);
  if (trained_here) {
    bot.model = load_tuned(base, *bot.db, workspace / "runs", cpu, options, reporter);
  } else {
    bot.model =
        which == WhichModel::Base ? load_local_model(base, cpu, options) : load_adapted(base, adapter, cpu, options);
  }
  if (bot.db) bot.sources = std::make_unique<SourceFinder>(*bot.db);
  return bot;
}

}  // namespace faqsmith
