// Splitting after generate and curate on a scripted model.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "faq/words.h"
#include "stages/curate/curate.h"
#include "stages/generate/generate.h"
#include "stages/split/split.h"
#include "stages/testing.h"

namespace faqsmith {
namespace {

using testing_support::fill;
using testing_support::scripted_reply;
using testing_support::scripted_score;
using testing_support::TestWorkspace;

void run_all(TestWorkspace& workspace, const SplitOptions& options, StageReport* report = nullptr) {
  FakeChatModel model(scripted_reply, scripted_score);
  SilentReporter reporter;
  GenerateOptions generate_options;
  generate_options.unanswerable = 80;
  (void)generate(workspace.get(), generate_options, model, reporter);
  (void)curate(workspace.get(), {}, model, reporter);
  StageReport result = split_pairs(workspace.get(), options, reporter);
  if (report != nullptr) *report = result;
}

TEST(Split, HoldsOutWholeFactsAndDistinctWordings) {
  TestWorkspace workspace("split_parts");
  fill(workspace, 60);
  SplitOptions options;
  options.unseen_facts = 0.15;
  StageReport report;
  run_all(workspace, options, &report);
  for (const char* part : {"train", "validation", "reworded", "unseen", "refusal"})
    EXPECT_GT(report.counts[part], 0) << part;
  std::map<RowId, std::set<std::string>> parts;
  std::map<RowId, std::vector<std::string>> trained;
  for (const PairRow& pair : list_pairs(workspace.db())) {
    if (!pair.fact_id || pair.part.empty()) continue;
    EXPECT_EQ(pair.verdict, "kept");
    parts[*pair.fact_id].insert(pair.part);
    if (pair.part == "train") trained[*pair.fact_id].push_back(pair.question);
  }
  for (const auto& [fact, names] : parts) EXPECT_TRUE(!names.contains("unseen") || names.size() == 1);
  for (const PairRow& pair : list_pairs_in(workspace.db(), "reworded"))
    for (const std::string& question : trained[*pair.fact_id]) EXPECT_LT(wording_overlap(pair.question, question), 0.7);
}

TEST(Split, AddingDocumentsMovesNoPair) {
  TestWorkspace workspace("split_stable");
  fill(workspace, 20);
  run_all(workspace, {});
  std::map<std::string, std::string> before;
  for (const PairRow& pair : list_pairs(workspace.db()))
    if (!pair.part.empty()) before[pair.key] = pair.part;
  const RowId source = workspace.add_source("new.md");
  for (const std::string thing : {"wagon", "saddle", "rudder", "pulley"})
    workspace.add_section(source, {"How do I clean the " + thing + "?"},
                          "Wash the " + thing + " in cold water with soap flakes.");
  run_all(workspace, {});
  int moved = 0;
  for (const PairRow& pair : list_pairs(workspace.db()))
    if (before.contains(pair.key) && !pair.part.empty() && before[pair.key] != pair.part) ++moved;
  EXPECT_EQ(moved, 0);
}

TEST(Split, GoldStaysGoldAndItsQuestionIsNotTrained) {
  TestWorkspace workspace("split_gold");
  fill(workspace, 10);
  PairRow gold;
  gold.key = "gold";
  gold.question = "repair boiler";
  gold.answer = "Open it.";
  gold.form = "imported";
  gold.part = "gold";
  add_pair(workspace.db(), gold);
  run_all(workspace, {});
  EXPECT_EQ(list_pairs_in(workspace.db(), "gold").size(), 1U);
  for (const PairRow& pair : list_pairs_in(workspace.db(), "train")) EXPECT_NE(pair.question, "repair boiler");
}

TEST(Split, TestQuestionsNeverTrain) {
  TestWorkspace workspace("split_leak");
  fill(workspace, 40);
  run_all(workspace, {});
  std::set<std::string> tested;
  for (const char* part : {"reworded", "unseen", "refusal"})
    for (const PairRow& pair : list_pairs_in(workspace.db(), part)) tested.insert(pair.question);
  for (const PairRow& pair : list_pairs_in(workspace.db(), "train")) EXPECT_FALSE(tested.contains(pair.question));
}

}  // namespace
}  // namespace faqsmith
