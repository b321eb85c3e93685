// Weights go straight from the file into the engine: one copy in memory.
#include "app/shelf.h"

#include <fmt/format.h>

#include "app/models.h"
#include "base/error.h"
#include "model/lora.h"
#include "model/weights.h"
#include "stages/train/train.h"
#include "sys/memory.h"
#include "train/checkpoint.h"

namespace faqsmith {

EngineOptions engine_options(const Config& config) {
  EngineOptions out;
  out.determinism = config.on("infer.deterministic") ? Determinism::AnyBatch : Determinism::SameBatch;
  const std::string& form = config.text("infer.weights");
  if (form == "quantised") out.weights = WeightForm::Quantised;
  if (form == "blocks") out.weights = WeightForm::Blocks;
  return out;
}

ModelShelf::ModelShelf(const Config& config, Reporter& reporter)
    : config_(config),
      reporter_(reporter),
      cpu_(detect_cpu()),
      base_path_(resolve_model(config.text("model"), IfAbsent::Pull, reporter)),
      teacher_path_(config.text("teacher").empty() ? base_path_
                                                   : resolve_model(config.text("teacher"), IfAbsent::Pull, reporter)),
      options_(engine_options(config)) {}

LocalModel& ModelShelf::base() {
  if (!base_) base_ = load_local_model(base_path_, cpu_, options_);
  return *base_;
}

LocalModel& ModelShelf::teacher() {
  std::error_code error;
  if (fs::equivalent(teacher_path_, base_path_, error)) return base();
  if (!teacher_) teacher_ = load_local_model(teacher_path_, cpu_, options_);
  return *teacher_;
}

void ModelShelf::drop() {
  base_.reset();
  teacher_.reset();
  return_free_memory();
}

std::unique_ptr<LocalModel> load_tuned(const fs::path& base, Database& db, const fs::path& runs, const Cpu& cpu,
                                       const EngineOptions& options, Reporter& reporter) {
  const fs::path run = finished_train_run(db, runs);
  const Manifest trained = read_run_manifest(run, reporter);
  ModelFile file = load_model(base, HashFile::Yes, Residency::AsStored);
  if (trained.base_sha256 != file.sha256) {
    throw Error(Kind::User,
                fmt::format("the bot was trained from {}, and {} is another model", trained.base_name, base.string()),
                "set model to the file that it was trained from, or train again");
  }
  (void)load_checkpoint_into(file.weights, run, reporter);
  const std::string id = fmt::format("{}+{}", model_id(file.name, file.sha256), run.filename().string());
  return std::make_unique<LocalModel>(std::move(file.weights), std::move(file.tokenizer), id, cpu, options);
}

std::unique_ptr<LocalModel> load_adapted(const fs::path& base, const fs::path& adapter, const Cpu& cpu,
                                         const EngineOptions& options) {
  ModelFile file = load_model(base, HashFile::Yes, Residency::AsStored);
  merge_lora(file.weights, load_adapter(adapter, file.weights.config));
  const std::string id = fmt::format("{}+{}", model_id(file.name, file.sha256), adapter.string());
  return std::make_unique<LocalModel>(std::move(file.weights), std::move(file.tokenizer), id, cpu, options);
}

}  // namespace faqsmith
