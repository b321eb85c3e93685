// The stages in order, each callable by name: the table behind `faqsmith build`, `faqsmith generate`, … Options come
// from the settings alone.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "app/settings.h"
#include "app/shelf.h"
#include "stages/stage.h"

namespace faqsmith {

struct PipelineContext {
  Workspace& workspace;
  const Config& config;
  Reporter& reporter;
  ModelShelf& models;
  double train_s = 0;  // what training may take, in seconds; 0: no limit
};

struct StageEntry {
  std::string_view name;
  StageReport (*run)(PipelineContext&);
};
[[nodiscard]] std::span<const StageEntry> pipeline_table();
// Throws what the stage throws. Says in a note when there was nothing to do.
[[nodiscard]] StageReport run_pipeline_stage(std::string_view name, PipelineContext& context);

}  // namespace faqsmith
