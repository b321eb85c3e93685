// What a time budget decides, and where it is kept (runs/budget.json): the same command goes on after an interrupt with
// the settings it began with. Decided twice: wordings and steps before generation, from a forecast; steps once more
// before training, when the rows and the time that is left are known.
#pragma once
#include <chrono>
#include <string>

#include "app/forecast.h"
#include "app/shelf.h"

namespace faqsmith {

class Budget {
 public:
  // Reads the setting "budget" (empty: no limit). The clock starts here. Keeps references.
  // Throws Error(User) if the setting is no duration.
  Budget(Workspace& workspace, Config& config, Reporter& reporter);

  // Before generation: lowers config's wordings and steps until the forecast fits.
  [[nodiscard]] BudgetFit fit(ModelShelf& models, const MachineSpeed& speed);
  // Before training: sets config's steps to what the rest of the time allows, evaluate_s for the last stage left over.
  // Returns the seconds that training may take; 0: no limit.
  [[nodiscard]] double fit_training(const ModelShelf& models, const MachineSpeed& speed, double evaluate_s);
  [[nodiscard]] double elapsed_s() const;

 private:
  using Clock = std::chrono::steady_clock;

  Workspace& workspace_;
  Config& config_;
  Reporter& reporter_;
  double limit_s_ = 0;        // 0: no limit
  std::string key_;           // of the settings as they were wanted, and the text; not of the speed of the moment
  std::string wanted_steps_;  // before any fit
  Clock::time_point start_;
};

}  // namespace faqsmith
