// Write under a working name, read back, compare, then give the final name.
#include "stages/export/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/hash.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "stages/export/exporter.h"
#include "store/tables.h"
#include "sys/folder.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr const char* kStage = "export";
constexpr int kSemantics = 2;

// Sorted, each once, so that the key does not depend on how they were written down.
std::vector<ExportKind> kinds_to_write(const ExportOptions& options, const Manifest& manifest) {
  const bool lora = trains_adapter(manifest.method);
  std::vector<ExportKind> kinds = options.kinds;
  if (kinds.empty()) {
    kinds = {ExportKind::GgufF32, ExportKind::GgufF16};
    if (lora) kinds.push_back(ExportKind::Adapter);
  }
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  if (is_adapter(kinds.front()) && !lora) {
    throw Error(Kind::User, "this run trained the whole model, so there is no adapter to export",
                "export f32, f16, hf or another whole model, or train with --method lora");
  }
  return kinds;
}

void check_older(const fs::path& folder, ExportKind kind) {
  // An older adapter or model is replaced as a folder: nothing else may be lost with it.
  if (kind != ExportKind::Adapter && kind != ExportKind::Hf) return;
  const bool adapter = kind == ExportKind::Adapter;
  const fs::path older = folder / export_file_name(kind);
  if (fs::exists(older) && !fs::exists(older / (adapter ? kPeftConfigFile : kHfConfigFile))) {
    throw Error(Kind::User, fmt::format("{} exists and is no {}", older.string(), adapter ? "adapter" : "model"),
                "name another folder");
  }
}

void prepare_folder(const ExportOptions& options, const std::vector<ExportKind>& kinds, const LlamaConfig& config) {
  const fs::path& folder = options.folder;
  make_folders(folder);
  double bytes = 0;
  for (const ExportKind kind : kinds) {
    check_older(folder, kind);
    bytes += bytes_per_parameter(kind, options.hf_type) * static_cast<double>(config.n_parameters());
  }
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && static_cast<double>(space.available) < bytes) {
    throw Error(Kind::Io,
                fmt::format("the exports need {}, but {} has only {} free", human_bytes(bytes), folder.string(),
                            human_bytes(static_cast<double>(space.available))),
                "free some disk space, export fewer kinds, or name a folder on another disk");
  }
}

// A row says "done", but the files are gone or of another run: then the stage has to run again.
void forget_lost_exports(Workspace& workspace, const std::string& key, const fs::path& folder,
                         const std::vector<ExportKind>& kinds) {
  const auto last = last_stage_run(workspace.db(), kStage);
  if (!last || last->key != key || last->state != "done") return;
  const fs::path notes_path = folder / kNotesFile;
  const json notes = fs::exists(notes_path) ? try_parse_json(read_file(notes_path)) : json();
  bool there = notes.is_object() && notes.value("key", json()) == key;
  for (const ExportKind kind : kinds) there = there && fs::exists(folder / export_file_name(kind));
  if (!there) end_stage_run(workspace.db(), last->id, "failed", "{}", "its files are gone");
}

const char* type_name(SafeFloat type) {
  return type == SafeFloat::F32 ? "f32" : type == SafeFloat::F16 ? "f16" : "bf16";
}

json settings_json(const ExportOptions& options, const std::vector<ExportKind>& kinds) {
  json names = json::array();
  for (const ExportKind kind : kinds) names.push_back(export_kind_name(kind));
  json settings = {{"kinds", names}, {"folder", fs::absolute(options.folder).string()}, {"topic", options.topic}};
  if (std::any_of(kinds.begin(), kinds.end(), is_gguf_model)) settings["temperature"] = options.temperature;
  if (kinds.back() == ExportKind::Hf) {
    settings["hf_type"] = type_name(options.hf_type);
    settings["hf_shard_gb"] = options.hf_shard_gb;
  }
  return settings;
}

}  // namespace

StageReport export_model(Workspace& workspace, const ExportOptions& options, Reporter& reporter) {
  const Manifest manifest = read_run_manifest(options.run, reporter);
  const std::vector<ExportKind> kinds = kinds_to_write(options, manifest);
  const StageIdentity identity{.stage = kStage,
                               .semantics = kSemantics,
                               .options_json = json_text(settings_json(options, kinds)),
                               .input_hash = sha256_hex(fmt::format("{} {} {}", manifest.fingerprint,
                                                                    manifest.base_sha256, manifest.state.step)),
                               .seed = 0};
  forget_lost_exports(workspace, identity.key(), options.folder, kinds);
  return run_stage(workspace, identity, [&](StageReport& report) {
    prepare_folder(options, kinds, manifest.config);
    reporter.begin("export", static_cast<std::int64_t>(kinds.size()) + 1, "files");
    Exporter exporter(workspace, options, reporter, manifest, report);
    exporter.ask_trained_model();
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      stop_if_interrupted();
      reporter.update(static_cast<std::int64_t>(i) + 1, export_kind_name(kinds[i]));
      exporter.write(kinds[i]);
    }
    exporter.accept_all();
    reporter.end(fmt::format("{} checked and written to {}", kinds.size(), options.folder.string()));
  });
}

}  // namespace faqsmith
