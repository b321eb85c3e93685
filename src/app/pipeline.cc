// One line of glue a stage.
#include "app/pipeline.h"

#include <fmt/format.h>

#include "app/bot_record.h"
#include "app/inspect.h"
#include "app/stage_options.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stages/train/train.h"
#include "sys/memory.h"

namespace faqsmith {
namespace {

StageReport run_collect(PipelineContext& c) {
  const Tokenizer tokenizer = load_tokenizer(c.models.teacher_path());
  return collect(
      c.workspace, collect_options(c.config),
      [&](std::string_view text) { return static_cast<int>(tokenizer.encode(text).size()); }, c.reporter);
}

StageReport run_generate(PipelineContext& c) {
  return generate(c.workspace, generate_options(c.config), c.models.teacher(), c.reporter);
}

StageReport run_curate(PipelineContext& c) {
  return curate(c.workspace, curate_options(c.config), c.models.base(), c.reporter);
}

StageReport run_split(PipelineContext& c) {
  return split_pairs(c.workspace, split_options(c.config), c.reporter);
}

StageReport run_train(PipelineContext& c) {
  c.models.drop();  // training needs the memory
  TrainStageOptions options = train_stage_options(c.config, c.models.base_path());
  options.train.seconds = c.train_s;
  StageReport report = train_stage(c.workspace, c.models.cpu(), options, c.reporter);
  return_free_memory();  // evaluation loads two models
  const std::string model = c.config.text("model");
  const bool is_path = fs::exists(model);
  write_bot_record(c.workspace.folder(), {options.topic, is_path ? fs::absolute(model).string() : model});
  return report;
}

// The table of an evaluation is the command's result: it goes to standard output, not among the notes.
class WithoutNotes final : public Reporter {
 public:
  explicit WithoutNotes(Reporter& inner) : inner_(inner) {}
  void begin(std::string_view what, std::int64_t total, std::string_view unit) override {
    inner_.begin(what, total, unit);
  }
  void update(std::int64_t done, std::string_view detail) override { inner_.update(done, detail); }
  void end(std::string_view summary) override { inner_.end(summary); }
  void note(std::string_view line) override { log(LogLevel::Info, line); }
  void warn(std::string_view line) override { inner_.warn(line); }

 private:
  Reporter& inner_;
};

StageReport run_evaluate(PipelineContext& c) {
  const fs::path run = finished_train_run(c.workspace.db(), c.workspace.runs());
  EvaluateOptions options = evaluate_options(c.config, c.workspace.folder());
  options.training_metrics = run / "metrics.jsonl";
  const auto tuned = load_tuned(c.models.base_path(), c.workspace.db(), c.workspace.runs(), c.models.cpu(),
                                c.models.options(), c.reporter);
  WithoutNotes reporter(c.reporter);
  return evaluate(c.workspace, options, c.models.base(), *tuned, reporter);
}

constexpr StageEntry kStages[] = {
    {"collect", run_collect}, {"generate", run_generate}, {"curate", run_curate},
    {"split", run_split},     {"train", run_train},       {"evaluate", run_evaluate},
};

}  // namespace

std::span<const StageEntry> pipeline_table() {
  return kStages;
}

StageReport run_pipeline_stage(std::string_view name, PipelineContext& context) {
  for (const auto& stage : kStages) {
    if (stage.name != name) continue;
    StageReport report = stage.run(context);
    const ProcessMemory memory = process_memory();
    log(LogLevel::Info, fmt::format("{} is done; {} of its own memory now, peak so far {}", name,
                                    human_bytes(static_cast<double>(memory.anonymous_bytes)),
                                    human_bytes(static_cast<double>(memory.peak_bytes))));
    if (report.up_to_date) context.reporter.note(fmt::format("{}: nothing to do, all is up to date", name));
    return report;
  }
  throw Error(Kind::Internal, fmt::format("there is no stage {}", name));
}

}  // namespace faqsmith
