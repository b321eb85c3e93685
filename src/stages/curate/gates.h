// How good the gates themselves are: precision and recall of each on the shipped probes. `faqsmith gates` shows it.
#pragma once
#include <string>
#include <vector>

#include "faq/probes.h"
#include "llm/chat_model.h"
#include "stages/curate/curate.h"
#include "store/database.h"

namespace faqsmith {

// A gate as a detector of bad probes.
struct GateQuality {
  std::string gate;           // shape, invented_term, search, likelihood, understood (both together), evidence, …
  int n_good = 0, n_bad = 0;  // probes it was asked about
  int good_passed = 0, bad_caught = 0;
  [[nodiscard]] double precision() const;  // of what it rejects, how much is bad; 1 if it rejects nothing
  [[nodiscard]] double recall() const;     // of what is bad, how much it rejects
  [[nodiscard]] double passes_good() const;
};

// judge: may be null; then the gates that need a model are left out. scratch: any open database, for a temporary index.
[[nodiscard]] std::vector<GateQuality> measure_gates(const ProbeSet& probes, const CurateOptions& options,
                                                     ChatModel* judge, Database& scratch);

}  // namespace faqsmith
