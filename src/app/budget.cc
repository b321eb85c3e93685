// Decisions are keyed by what they were made from; a file that says something else is ignored.
#include "app/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/stage_options.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "stages/train/train.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSteps = "train.steps";
constexpr const char* kBudgeted[] = {"generate.samples_per_fact", "curate.score_per_fact", kSteps};

fs::path file_of(Workspace& workspace) {
  return workspace.runs() / "budget.json";
}

Json read_decision(Workspace& workspace) {
  std::error_code error;
  const fs::path file = file_of(workspace);
  if (!fs::exists(file, error)) return Json::object();
  Json json = try_parse_ordered_json(read_file(file));
  return json.is_object() ? json : Json::object();
}

std::string settings_key(Database& db, const Config& config) {
  std::string all;
  for (const auto& setting : all_settings()) {
    if (setting.key == "threads" || setting.key == "documents") continue;
    for (const auto& item : config.list(setting.key)) all += fmt::format("{}={}\n", setting.key, item);
  }
  for (const auto& section : list_sections(db)) all += section.hash;
  return sha256_hex(all);
}

void set(Config& config, const char* name, std::string value) {
  config.set(name, {std::move(value)}, Origin::Flag, "--budget");
}

bool reuse(const Json& decision, const std::string& key, Config& config) {
  if (decision.value("key", "") != key || !decision.contains("settings")) return false;
  const Json& settings = decision["settings"];
  for (const char* name : kBudgeted) {
    if (!settings.contains(name) || !settings[name].is_string()) return false;
  }
  for (const char* name : kBudgeted) set(config, name, settings[name].get<std::string>());
  return true;
}

}  // namespace

Budget::Budget(Workspace& workspace, Config& config, Reporter& reporter)
    : workspace_(workspace), config_(config), reporter_(reporter), start_(Clock::now()) {
  const std::string limit = config.text("budget");
  if (!limit.empty()) limit_s_ = parse_duration_s(limit, config.value("budget").place);
}

double Budget::elapsed_s() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

BudgetFit Budget::fit(ModelShelf& models, const MachineSpeed& speed) {
  const LlamaConfig student = read_model_info(models.base_path()).config;
  LocalModel& teacher = models.teacher();
  const auto forecast = [&] { return forecast_build(workspace_, config_, teacher, student, speed); };
  if (limit_s_ == 0) return {.changes = {}, .fits = true, .forecast = forecast()};
  wanted_steps_ = config_.text(kSteps);
  key_ = settings_key(workspace_.db(), config_);
  if (reuse(read_decision(workspace_), key_, config_))
    return {.changes = {"settings as decided when this build was started"}, .fits = true, .forecast = forecast()};
  BudgetFit fit = fit_budget(limit_s_ - elapsed_s(), workspace_, config_, teacher, student, speed);
  Json settings = Json::object();
  for (const char* name : kBudgeted) settings[name] = config_.text(name);
  const Json decision = {{"key", key_}, {"budget", config_.text("budget")}, {"settings", settings}};
  write_file_atomic(file_of(workspace_), json_text(decision, 2) + "\n");
  return fit;
}

double Budget::fit_training(const ModelShelf& models, const MachineSpeed& speed, double evaluate_s) {
  if (limit_s_ == 0) return 0;
  const double left_s = std::max(1.0, limit_s_ - elapsed_s() - evaluate_s);
  std::string rows = key_;
  for (const char* part : {"train", "validation"})
    for (const PairRow& pair : list_pairs_in(workspace_.db(), part)) rows += pair.key;
  rows = sha256_hex(rows);
  Json decision = read_decision(workspace_);
  const Json known = decision.value("training", Json::object());
  if (known.is_object() && known.value("key", "") == rows && known.contains("steps") && known["steps"].is_string()) {
    set(config_, kSteps, known["steps"].get<std::string>());
    return left_s;
  }
  const std::int64_t planned = config_.integer(kSteps);
  set(config_, kSteps, wanted_steps_);
  const TrainForecast all =
      forecast_train_stage(workspace_, models.cpu(), train_stage_options(config_, models.base_path()));
  const std::int64_t steps = steps_in(left_s, speed, all);
  if (planned > 0 && steps != planned)
    reporter_.note(fmt::format("training steps: {} (planned {}), by the time that is left", steps, planned));
  set(config_, kSteps, std::to_string(steps));
  decision["training"] = {{"key", rows}, {"steps", config_.text(kSteps)}};
  write_file_atomic(file_of(workspace_), json_text(decision, 2) + "\n");
  return left_s;
}

}  // namespace faqsmith
