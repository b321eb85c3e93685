// The main job on one page.
#include "app/build.h"

#include <set>

#include "app/budget.h"
#include "app/stage_options.h"
#include "stages/evaluate/evaluate.h"
#include "store/tables.h"
#include "sys/interrupt.h"
#include "sys/memory.h"

namespace faqsmith {
namespace {

constexpr std::size_t kSamples = 3;

// Reworded test questions of different facts, in the evaluation's own (hashed) order: not picked by how well they went.
std::vector<Answer> sample_answers(Database& db, const Evaluation& evaluation) {
  const SourceFinder finder(db);
  std::vector<Answer> samples;
  std::set<std::string> seen;
  for (const char* part : {"reworded", "gold", "unseen"}) {
    for (const auto& item : evaluation.items) {
      const auto tuned = item.answers.find(kTuned);
      if (samples.size() == kSamples || item.part != part || tuned == item.answers.end()) continue;
      if (!seen.insert(item.reference).second) continue;
      samples.push_back(judge_answer({"", item.question}, tuned->second.text, finder));
      const auto confidence = tuned->second.values.find("confidence");
      if (confidence != tuned->second.values.end()) samples.back().confidence = confidence->second;
    }
  }
  return samples;
}

}  // namespace

BuildResult build(Workspace& workspace, Config& config, Reporter& reporter, const ShowForecast& show) {
  Budget budget(workspace, config, reporter);
  ModelShelf models(config, reporter);
  PipelineContext context{workspace, config, reporter, models};
  BuildResult result;
  result.stages.push_back(run_pipeline_stage("collect", context));
  const MachineSpeed speed =
      measure_speed(models.teacher(), models.cpu(), read_model_info(models.base_path()).config, train_options(config));
  const BudgetFit fit = budget.fit(models, speed);
  show(speed, fit);
  result.forecast = fit.forecast;
  result.budget_changes = fit.changes;
  for (const std::string_view stage : {"generate", "curate", "split", "train", "evaluate"}) {
    stop_if_interrupted();
    if (stage == "train") context.train_s = budget.fit_training(models, speed, fit.forecast.stages.back().seconds);
    result.stages.push_back(run_pipeline_stage(stage, context));
  }
  const EvaluateOptions options = evaluate_options(config, workspace.folder());
  result.evaluation = last_evaluation(workspace, options);
  result.report = report_folder(workspace, options, result.stages.back().key) / "report.html";
  result.samples = sample_answers(workspace.db(), result.evaluation);
  result.seconds = budget.elapsed_s();
  result.peak_memory_bytes = process_memory().peak_bytes;
  return result;
}

}  // namespace faqsmith
