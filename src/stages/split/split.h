// The split stage: every kept pair gets its part. Facts go by the hash of their cluster, wordings by the hash of their
// key, so adding documents moves no existing pair between training and test.
#pragma once
#include <cstdint>

#include "stages/stage.h"

namespace faqsmith {

struct SplitOptions {
  std::uint64_t seed = 1;
  double unseen_facts = 0.04;   // share of fact clusters that are held out whole
  double reworded = 0.25;       // share of teacher wordings held out, of facts that train
  double validation = 0.04;     // likewise
  double refusal_test = 0.2;    // share of unanswerable questions held out
  double distinct_below = 0.7;  // ROUGE-L of a reworded item with every training wording of its fact
  double min_quality = 0.5;     // gain share from which a wording is good enough to test with
};

// Parts: train, validation, reworded, unseen, refusal, gold; "" for pairs that are rejected, or unused because they
// stand too close to the other side. Counts: one for each part, "reworded facts", "unused". Warns if a part has fewer
// items than a measurement needs.
[[nodiscard]] StageReport split_pairs(Workspace& workspace, const SplitOptions& options, Reporter& reporter);

}  // namespace faqsmith
