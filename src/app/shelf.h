// The models of one command, each loaded once and on first use. A teacher that is the base model is not loaded twice,
// and drop() frees them before training needs the memory.
#pragma once
#include <memory>

#include "app/settings.h"
#include "base/reporter.h"
#include "llm/local_model.h"
#include "store/database.h"
#include "sys/file.h"
#include "tensor/device.h"

namespace faqsmith {

[[nodiscard]] EngineOptions engine_options(const Config& config);

class ModelShelf {
 public:
  // Keeps references. Nothing is loaded, but the base model's file is looked up (and fetched, if it is the default one
  // and absent). Throws Error(User) if there is no such file.
  ModelShelf(const Config& config, Reporter& reporter);
  [[nodiscard]] const Cpu& cpu() const { return cpu_; }
  [[nodiscard]] const EngineOptions& options() const {
    return options_;
  }  // of the base model and what is tuned from it
  [[nodiscard]] const fs::path& base_path() const { return base_path_; }
  [[nodiscard]] const fs::path& teacher_path() const { return teacher_path_; }
  [[nodiscard]] LocalModel& base();
  [[nodiscard]] LocalModel& teacher();
  void drop();

 private:
  const Config& config_;
  Reporter& reporter_;
  Cpu cpu_;
  fs::path base_path_, teacher_path_;
  EngineOptions options_;
  std::unique_ptr<LocalModel> base_, teacher_;
};

// The base model with the workspace's last finished training applied. Throws Error(User) if nothing was trained, or if
// it was trained from another base model than the one that is set.
[[nodiscard]] std::unique_ptr<LocalModel> load_tuned(const fs::path& base, Database& db, const fs::path& runs,
                                                     const Cpu& cpu, const EngineOptions& options, Reporter& reporter);
// The base model with an adapter merged into it, any form that load_adapter() reads.
[[nodiscard]] std::unique_ptr<LocalModel> load_adapted(const fs::path& base, const fs::path& adapter, const Cpu& cpu,
                                                       const EngineOptions& options);

}  // namespace faqsmith
