// The main job on one page.
#include "app/build.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "app/doctor.h"
#include "app/stage_options.h"
#include "base/error.h"
#include "base/hash.h"
#include "stages/evaluate/evaluate.h"
#include "store/tables.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr std::size_t kSamples = 3;
constexpr const char* kBudgeted[] = {"generate.samples_per_fact", "curate.score_per_fact", "train.steps"};

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What a budget's decision depends on: the settings as they were wanted, and the text. Not the speed of the moment.
std::string decision_key(Database& db, const Config& config) {
  std::string all;
  for (const auto& setting : all_settings()) {
    if (setting.key == "threads" || setting.key == "documents") continue;
    for (const auto& item : config.list(setting.key)) all += fmt::format("{}={}\n", setting.key, item);
  }
  for (const auto& section : list_sections(db)) all += section.hash;
  return sha256_hex(all);
}

// An earlier decision for the same text and settings, applied to config.
bool reuse_decision(const fs::path& file, const std::string& key, Config& config) {
  std::error_code error;
  if (!fs::exists(file, error)) return false;
  const Json json = Json::parse(read_file(file), nullptr, false);
  if (!json.is_object() || json.value("key", "") != key || !json.contains("settings")) return false;
  for (const char* name : kBudgeted) {
    if (!json["settings"].contains(name) || !json["settings"][name].is_string()) return false;
  }
  for (const char* name : kBudgeted)
    config.set(name, {json["settings"][name].get<std::string>()}, Origin::Flag, "--budget");
  return true;
}

void keep_decision(const fs::path& file, const std::string& key, const Config& config) {
  Json settings = Json::object();
  for (const char* name : kBudgeted) settings[name] = config.text(name);
  write_file_atomic(file, Json{{"key", key}, {"budget", config.text("budget")}, {"settings", settings}}.dump(2) + "\n");
}

BudgetFit plan(Workspace& workspace, Config& config, ModelShelf& models, const MachineSpeed& speed, double elapsed_s) {
  const LlamaConfig student = read_model_info(models.base_path()).config;
  LocalModel& teacher = models.teacher();
  const std::string budget = config.text("budget");
  if (budget.empty()) {
    return {.changes = {}, .fits = true, .forecast = forecast_build(workspace, config, teacher, student, speed)};
  }
  const std::string key = decision_key(workspace.db(), config);
  const fs::path file = workspace.runs() / "budget.json";
  if (reuse_decision(file, key, config)) {
    return {.changes = {"settings as decided when this build was started"},
            .fits = true,
            .forecast = forecast_build(workspace, config, teacher, student, speed)};
  }
  const double seconds = parse_duration_s(budget, config.value("budget").place);
  BudgetFit fit = fit_budget(seconds - elapsed_s, workspace, config, teacher, student, speed);
  keep_decision(file, key, config);
  return fit;
}

// Reworded test questions of different facts, in the evaluation's own (hashed) order: not picked by how well they went.
std::vector<Answer> sample_answers(Database& db, const Evaluation& evaluation) {
  const SourceFinder finder(db);
  std::vector<Answer> samples;
  std::set<std::string> seen;
  for (const char* part : {"reworded", "gold", "unseen"}) {
    for (const auto& item : evaluation.items) {
      const auto tuned = item.answers.find(kTuned);
      if (samples.size() == kSamples || item.part != part || tuned == item.answers.end()) continue;
      if (seen.insert(item.reference).second)
        samples.push_back(judge_answer({"", item.question}, tuned->second.text, finder));
    }
  }
  return samples;
}

}  // namespace

BuildResult build(Workspace& workspace, Config& config, Reporter& reporter, const ShowForecast& show) {
  const Clock::time_point start = Clock::now();
  if (!config.text("budget").empty()) (void)parse_duration_s(config.text("budget"), config.value("budget").place);
  ModelShelf models(config, reporter);
  PipelineContext context{workspace, config, reporter, models};
  BuildResult result;
  result.stages.push_back(run_pipeline_stage("collect", context));
  const MachineSpeed speed =
      measure_speed(models.teacher(), models.cpu(), read_model_info(models.base_path()).config, train_options(config));
  const BudgetFit fit = plan(workspace, config, models, speed, since(start));
  show(speed, fit);
  result.forecast = fit.forecast;
  result.budget_changes = fit.changes;
  for (const char* stage : {"generate", "curate", "split", "train", "evaluate"}) {
    stop_if_interrupted();
    result.stages.push_back(run_pipeline_stage(stage, context));
  }
  const EvaluateOptions options = evaluate_options(config, workspace.folder());
  result.evaluation = last_evaluation(workspace, options);
  result.report = report_folder(workspace, options, result.stages.back().key) / "report.html";
  result.samples = sample_answers(workspace.db(), result.evaluation);
  result.seconds = since(start);
  result.peak_memory_bytes = peak_memory_bytes();
  return result;
}

}  // namespace faqsmith
