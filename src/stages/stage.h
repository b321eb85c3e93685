// What every stage has in common: a key that says whether there is anything to do, a row in stage_runs, a report.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "base/reporter.h"
#include "store/workspace.h"

namespace faqsmith {

struct StageReport {
  std::string stage, key;
  bool up_to_date = false;               // nothing had to be done
  std::map<std::string, double> counts;  // e.g. {"asked": 4032, "kept": 1181}
};

struct StageIdentity {
  std::string stage;         // "collect", …
  int semantics = 1;         // the stage's kSemantics: raised when its meaning changes
  std::string options_json;  // effective options that change the result
  std::string input_hash;    // of everything it reads
  std::uint64_t seed = 0;
  [[nodiscard]] std::string key() const;
};

// Runs body unless a run with the same key is done; records running → done, failed or interrupted. body fills counts.
[[nodiscard]] StageReport run_stage(Workspace& workspace, const StageIdentity& identity,
                                    const std::function<void(StageReport&)>& body);

}  // namespace faqsmith
