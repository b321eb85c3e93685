// What a workspace holds and which stage has work to do. Reads only.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "store/database.h"

namespace faqsmith {

// In pipeline order.
[[nodiscard]] const std::vector<std::string>& pipeline_stages();

struct StageStatus {
  std::string stage;
  std::string state;        // done, stale, running, failed, interrupted, "not run"
  std::string why;          // for stale and failed
  std::string finished_at;  // UTC, or empty
  double seconds = 0;       // of the last finished run
  std::map<std::string, double> counts;
};

struct WorkspaceStatus {
  std::vector<StageStatus> stages;
  std::map<std::string, std::int64_t> sources;  // by state
  std::int64_t n_sections = 0;
  std::map<std::string, std::int64_t> facts;     // by origin
  std::map<std::string, std::int64_t> verdicts;  // pairs by verdict; "" = not judged
  std::map<std::string, std::int64_t> parts;     // kept pairs by part
  std::map<std::string, std::int64_t> requests;  // by outcome
};

[[nodiscard]] WorkspaceStatus workspace_status(Database& db);

}  // namespace faqsmith
