// run_stage: nothing is done twice, nothing is believed done that is not.
#include "stages/stage.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "store/tables.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

class Stage : public ::testing::Test {
 protected:
  Stage() : folder(make_folder()), workspace(folder, Workspace::Mode::Create) {}
  ~Stage() override { fs::remove_all(folder); }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "faqsmith_stage_XXXXXX").string();
    return mkdtemp(name.data());
  }
  StageReport run(const std::string& input) {
    StageIdentity identity;
    identity.stage = "curate";
    identity.input_hash = input;
    return run_stage(workspace, identity, [&](StageReport& report) {
      ++n_runs;
      report.counts["kept"] = 2.5;
    });
  }
  fs::path folder;
  Workspace workspace;
  int n_runs = 0;
};

TEST_F(Stage, SameKeyRunsOnceAndReportsItsCounts) {
  EXPECT_FALSE(run("a").up_to_date);
  const StageReport again = run("a");
  EXPECT_TRUE(again.up_to_date);
  EXPECT_EQ(again.counts.at("kept"), 2.5);
  EXPECT_EQ(n_runs, 1);
}

TEST_F(Stage, GoingBackToOldOptionsRunsAgain) {
  (void)run("a");
  (void)run("b");
  EXPECT_FALSE(run("a").up_to_date);
  EXPECT_TRUE(run("a").up_to_date);
  EXPECT_EQ(n_runs, 3);
}

TEST_F(Stage, FailureIsNotedAndRunsAgain) {
  StageIdentity identity;
  identity.stage = "train";
  const auto fail = [](StageReport&) { throw Error(Kind::Io, "no space", "free some"); };
  EXPECT_THROW((void)run_stage(workspace, identity, fail), Error);
  EXPECT_EQ(last_stage_run(workspace.db(), "train")->state, "failed");
  EXPECT_EQ(last_stage_run(workspace.db(), "train")->error, "no space");
  EXPECT_FALSE(run_stage(workspace, identity, [](StageReport&) {}).up_to_date);
}

TEST_F(Stage, InterruptIsNoted) {
  StageIdentity identity;
  identity.stage = "train";
  EXPECT_THROW((void)run_stage(workspace, identity, [](StageReport&) { throw Interrupted{}; }), Interrupted);
  EXPECT_EQ(last_stage_run(workspace.db(), "train")->state, "interrupted");
}

TEST(StageIdentityKey, EveryPartCounts) {
  const StageIdentity base{"collect", 1, "{}", "h", 7};
  EXPECT_EQ(base.key(), (StageIdentity{"collect", 1, "{}", "h", 7}).key());
  EXPECT_NE(base.key(), (StageIdentity{"collec", 1, "t{}", "h", 7}).key());
  EXPECT_NE(base.key(), (StageIdentity{"collect", 2, "{}", "h", 7}).key());
  EXPECT_NE(base.key(), (StageIdentity{"collect", 1, "{}", "h", 8}).key());
}

}  // namespace
}  // namespace faqsmith
