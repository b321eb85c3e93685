// Commands that run one stage, and data in and out.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/bot_record.h"
#include "app/config_sources.h"
#include "app/models.h"
#include "app/pipeline.h"
#include "app/stage_options.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/show.h"
#include "cli/version.h"
#include "stages/export/export.h"
#include "stages/import/import.h"
#include "stages/train/train.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

void show_report(const StageReport& report, const Session& session) {
  if (session.json) {
    const Json out = {
        {"stage", report.stage}, {"up_to_date", report.up_to_date}, {"counts", report.counts}, {"key", report.key}};
    print_line(json_text(out, 2));
    return;
  }
  const std::string counts = main_counts(report.stage, report.counts);
  print_line(fmt::format("{}: {}", report.stage, counts.empty() ? "done" : counts));
}

DataFormat data_format_or_throw(const std::string& name) {
  if (const auto format = parse_data_format(name)) return *format;
  const std::string near = did_you_mean(name, {"faq", "alpaca", "sharegpt", "messages"});
  throw Error(Kind::User, fmt::format("there is no data format '{}'", name),
              near.empty() ? "choose faq, alpaca, sharegpt or messages" : fmt::format("did you mean '{}'?", near));
}

int export_pairs(Workspace& workspace, Session& session) {
  if (!session.arguments.empty())
    throw Error(Kind::User, "export writes models or pairs, not both at once", "leave out --data or the kinds");
  DataExportOptions options;
  options.format = data_format_or_throw(session.get("--data"));
  options.file =
      session.get("--out", (workspace.folder() / fmt::format("{}.jsonl", data_format_name(options.format))).string());
  if (session.has("--parts")) options.parts = split_list(session.get("--parts"));
  options.system = session.get("--system");
  const StageReport report = export_data(workspace, options);
  session.reporter->note("wrote " + options.file.string());
  show_report(report, session);
  return 0;
}

}  // namespace

std::unique_ptr<Workspace> open_workspace(const Session& session, Workspace::Mode mode) {
  auto workspace = std::make_unique<Workspace>(session.workspace, mode);
  if (!session.has("--log")) open_log((session.workspace / "faqsmith.log").string(), LogLevel::Info);
  log(LogLevel::Info, fmt::format("faqsmith {} {}", session.command, version_line()));
  return workspace;
}

void set_documents(Session& session) {
  if (session.arguments.empty()) return;
  std::vector<std::string> paths;
  for (const auto& argument : session.arguments) {
    std::error_code error;
    if (!fs::exists(argument, error)) {
      throw Error(Kind::User, fmt::format("there is no file or folder {}", argument),
                  "name the documents to learn from");
    }
    paths.push_back(fs::absolute(argument, error).lexically_normal().string());
  }
  session.config.set("documents", paths, Origin::Flag, "arguments");
}

void keep_settings(const Session& session) {
  std::error_code error;
  const fs::path file = session.workspace / "faqsmith.yaml";
  if (session.has("--config") || fs::exists(file, error)) return;
  write_file_atomic(file, commented_settings_file(session.config));
  session.reporter->note(fmt::format("settings: {}", file.string()));
}

int run_one_stage(Session& session) {
  const auto opened = open_workspace(session, Workspace::Mode::Existing);
  Workspace& workspace = *opened;
  ModelShelf models(session.config, *session.reporter);
  PipelineContext context{workspace, session.config, *session.reporter, models};
  show_report(run_pipeline_stage(session.command, context), session);
  return 0;
}

int run_collect_stage(Session& session) {
  set_documents(session);
  const auto opened = open_workspace(session, Workspace::Mode::Create);
  keep_settings(session);
  Workspace& workspace = *opened;
  ModelShelf models(session.config, *session.reporter);
  PipelineContext context{workspace, session.config, *session.reporter, models};
  show_report(run_pipeline_stage("collect", context), session);
  return 0;
}

int run_import(Session& session) {
  const auto opened = open_workspace(session, Workspace::Mode::Create);
  Workspace& workspace = *opened;
  const ImportOptions options{session.arguments.front(), session.has("--gold") ? ImportAs::Gold : ImportAs::Training};
  show_report(import_data(workspace, options, *session.reporter), session);
  return 0;
}

int run_export(Session& session) {
  const auto opened = open_workspace(session, Workspace::Mode::Existing);
  Workspace& workspace = *opened;
  if (session.has("--data")) return export_pairs(workspace, session);
  use_bot_record(session.workspace, session.config);
  ExportOptions options = export_options(session.config);
  for (const auto& kind : session.arguments) options.kinds.push_back(parse_export_kind(kind));
  options.base_model = resolve_model(session.config.text("model"), IfAbsent::Refuse, *session.reporter);
  options.run = finished_train_run(workspace.db(), workspace.runs());
  options.folder = session.get("--out", (workspace.folder() / "export").string());
  const StageReport report = export_model(workspace, options, *session.reporter);
  session.reporter->note("exports: " + options.folder.string());
  show_report(report, session);
  return 0;
}

}  // namespace faqsmith
