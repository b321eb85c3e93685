// build and evaluate: the forecast before, the funnel, the table and three answered questions after.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "app/build.h"
#include "app/stage_options.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/show.h"
#include "stages/evaluate/evaluate.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

Json forecast_json(const BuildForecast& forecast) {
  Json stages = Json::array();
  for (const auto& stage : forecast.stages)
    stages.push_back({{"stage", stage.stage}, {"work", stage.work}, {"seconds", stage.seconds}});
  return {{"stages", stages},
          {"facts", forecast.n_facts},
          {"train_pairs", forecast.n_pairs},
          {"train_steps", forecast.n_train_steps},
          {"generated_tokens", forecast.generated_tokens},
          {"trained_tokens", forecast.trained_tokens},
          {"seconds", forecast.seconds},
          {"memory_bytes", forecast.memory_bytes}};
}

void show_forecast(const MachineSpeed& speed, const BudgetFit& fit, const std::string& budget, Reporter& reporter) {
  const BuildForecast& forecast = fit.forecast;
  reporter.note(fmt::format(
      "forecast for this machine (reads {} tok/s, writes {}, trains about {}):", human_count(speed.read),
      human_count(speed.write),
      human_count(train_tokens_per_s(speed, forecast.n_train_steps > 0
                                                ? forecast.trained_tokens / static_cast<double>(forecast.n_train_steps)
                                                : 1))));
  for (const auto& stage : forecast.stages)
    reporter.note(fmt::format("  {:<9} about {:>7}  {}", stage.stage, human_seconds(stage.seconds), stage.work));
  reporter.note(fmt::format("  {:<9} about {:>7}  {} facts, about {} training pairs, at most {} of memory", "together",
                            human_seconds(forecast.seconds), forecast.n_facts, forecast.n_pairs,
                            human_bytes(static_cast<double>(forecast.memory_bytes))));
  if (fit.changes.empty()) return;
  reporter.note(fmt::format("to fit the budget of {}:", budget));
  for (const auto& change : fit.changes) reporter.note("  " + change);
  reporter.note(
      "  this costs quality: fewer questions are understood in other words. In trials on the Debian FAQ half of the "
      "wordings cost 0.02 of token F1, 250 steps instead of 400 cost 0.07");
  if (!fit.fits)
    reporter.warn(fmt::format("even the least work is forecast to take {}, more than the budget",
                              human_seconds(forecast.seconds)));
}

std::string funnel_text(const Evaluation& evaluation) {
  std::string line;
  for (const auto& step : evaluation.funnel)
    line += fmt::format("{}{} {:.0f}", line.empty() ? "" : " → ", step.label, step.count);
  std::vector<std::string> reasons;
  for (const auto& reason : evaluation.rejected)
    reasons.push_back(fmt::format("{} {:.0f}", reason.label, reason.count));
  std::string out = line.empty() ? "" : "wordings: " + line + "\n";
  if (!reasons.empty()) out += wrap("rejected for: " + join(reasons, ", "), 100, "");
  return out;
}

void print_build(const BuildResult& result, const fs::path& workspace) {
  const bool colour = colour_allowed(STDOUT_FILENO);
  print_line("");
  print(funnel_text(result.evaluation));
  print_line("");
  for (const auto& line : table_lines(result.evaluation)) print_line(line);
  for (const auto& answer : result.samples) print("\n" + answer_text(answer, colour));
  print_line(fmt::format("\nreport: {}", result.report.string()));
  print_line(fmt::format("took {} (forecast {}), at most {} of memory", human_seconds(result.seconds),
                         human_seconds(result.forecast.seconds),
                         human_bytes(static_cast<double>(result.peak_memory_bytes))));
  print_line(fmt::format("next: faqsmith chat -w {}", workspace.string()));
}

Json build_json(const BuildResult& result) {
  Json stages = Json::array();
  for (const auto& stage : result.stages)
    stages.push_back({{"stage", stage.stage}, {"up_to_date", stage.up_to_date}, {"counts", stage.counts}});
  Json samples = Json::array();
  for (const auto& answer : result.samples) samples.push_back(parse_ordered_json(answer_json(answer)));
  return {{"stages", stages},
          {"forecast", forecast_json(result.forecast)},
          {"budget_changes", result.budget_changes},
          {"samples", samples},
          {"report", result.report.string()},
          {"seconds", result.seconds},
          {"peak_memory_bytes", result.peak_memory_bytes}};
}

}  // namespace

int run_build(Session& session) {
  set_documents(session);
  const std::string budget = session.config.text("budget");
  const auto workspace = open_workspace(session, Workspace::Mode::Create);
  keep_settings(session);
  const BuildResult result = build(
      *workspace, session.config, *session.reporter,
      [&](const MachineSpeed& speed, const BudgetFit& fit) { show_forecast(speed, fit, budget, *session.reporter); });
  if (session.json) {
    print_line(json_text(build_json(result), 2));
  } else {
    print_build(result, session.workspace);
  }
  return 0;
}

int run_evaluate_stage(Session& session) {
  const auto opened = open_workspace(session, Workspace::Mode::Existing);
  Workspace& workspace = *opened;
  ModelShelf models(session.config, *session.reporter);
  PipelineContext context{workspace, session.config, *session.reporter, models};
  const StageReport report = run_pipeline_stage("evaluate", context);
  const EvaluateOptions options = evaluate_options(session.config, workspace.folder());
  const fs::path file = report_folder(workspace, options, report.key) / "report.html";
  if (session.json) {
    const Json out = {{"stage", report.stage},
                      {"up_to_date", report.up_to_date},
                      {"counts", report.counts},
                      {"report", file.string()}};
    print_line(json_text(out, 2));
    return 0;
  }
  for (const auto& line : table_lines(last_evaluation(workspace, options))) print_line(line);
  print_line("\nreport: " + file.string());
  return 0;
}

}  // namespace faqsmith
