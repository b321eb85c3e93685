// The gates on the shipped probes, without a model.
#include "stages/curate/gates.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "stages/testing.h"

namespace faqsmith {
namespace {

using testing_support::TestWorkspace;

TEST(Probes, AreManyAndLabelled) {
  const ProbeSet& set = shipped_probes();
  EXPECT_GE(set.probes.size(), 120U);
  EXPECT_GE(set.facts.size(), 20U);
}

TEST(Probes, ABadLineIsNamed) {
  EXPECT_THROW((void)read_probes("{\"kind\":\"wording\",\"fact\":\"none\",\"question\":\"q\",\"label\":\"good\"}"),
               Error);
  EXPECT_THROW((void)read_probes("nonsense"), Error);
}

TEST(Gates, KeepTheirMeasuredQuality) {
  TestWorkspace workspace("gates");
  for (const GateQuality& quality : measure_gates(shipped_probes(), {}, nullptr, workspace.db())) {
    EXPECT_GT(quality.n_good + quality.n_bad, 10) << quality.gate;
    if (quality.gate == "search") continue;  // alone it is weak: that is why likelihood stands beside it
    EXPECT_GE(quality.precision(), 0.8) << quality.gate;
    EXPECT_GE(quality.recall(), 0.8) << quality.gate;
    EXPECT_GE(quality.passes_good(), 0.85) << quality.gate;
  }
}

TEST(Gates, AskTheModelOnlyIfThereIsOne) {
  TestWorkspace workspace("gates_model");
  FakeChatModel judge([](const ChatRequest&) { return ""; }, testing_support::scripted_score);
  const auto without = measure_gates(shipped_probes(), {}, nullptr, workspace.db());
  const auto with = measure_gates(shipped_probes(), {}, &judge, workspace.db());
  EXPECT_EQ(with.size(), without.size() + 2);
  EXPECT_FALSE(judge.seen_scores.empty());
}

}  // namespace
}  // namespace faqsmith
