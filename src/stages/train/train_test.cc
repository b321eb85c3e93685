// The train stage on a tiny model and a few pairs: rows become a run folder, once; leaks and lost folders are noticed.
#include "stages/train/train.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "infer/tiny_tokenizer.h"
#include "model/tokenizer_files_save.h"
#include "model/weights_hf.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

LlamaConfig tiny_config() {
  return {.hidden_size = 32,
          .intermediate_size = 48,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 8,
          .vocab_size = static_cast<std::int64_t>(tiny_tokenizer_spec().tokens.size()),
          .max_positions = 1024};
}

class TrainStage : public testing::Test {
 protected:
  TrainStage()
      : folder_(fs::path(testing::TempDir()) /
                (std::string("faqsmith_train_stage_") + testing::UnitTest::GetInstance()->current_test_info()->name())),
        workspace_((fs::remove_all(folder_), folder_ / "bot"), Workspace::Mode::Create) {
    options_.base_model = folder_ / "base.gguf";
    options_.topic = "tiny things";
    options_.train.steps = 6;
    options_.train.rows_per_step = 4;
    options_.train.validate_every = 3;
    save_gguf(options_.base_model, random_weights(tiny_config(), 1), tiny_tokenizer_spec(), "Tiny", GgufFloat::F32);
    for (int i = 0; i < 10; ++i)
      add(i < 8 ? "train" : "validation", "what is " + std::to_string(i), "it is " + std::to_string(i));
    add("reworded", "say what 3 is", "it is 3");
  }
  ~TrainStage() override { fs::remove_all(folder_); }

  void add(const std::string& part, const std::string& question, const std::string& answer) {
    PairRow pair;
    pair.key = part + question;
    pair.question = question;
    pair.answer = answer;
    pair.form = "original";
    set_pair_part(workspace_.db(), add_pair(workspace_.db(), pair), part);
  }
  StageReport run() { return train_stage(workspace_, cpu_, options_, reporter_); }

  fs::path folder_;
  Workspace workspace_;
  TrainStageOptions options_;
  Cpu cpu_;
  SilentReporter reporter_;
};

TEST_F(TrainStage, AHuggingFaceFolderIsABaseModelToo) {
  options_.base_model = folder_ / "base";
  save_hf_folder(options_.base_model, random_weights(tiny_config(), 1), tiny_tokenizer_spec(), {.name = "team/Tiny"});
  ASSERT_TRUE(save_hf_tokenizer(options_.base_model, tiny_tokenizer_spec()));
  EXPECT_EQ(run().counts.at("steps"), 6);
  EXPECT_TRUE(run().up_to_date);
  const fs::path trained = finished_train_run(workspace_.db(), workspace_.runs());
  EXPECT_EQ(read_run_manifest(trained, reporter_).base_sha256, load_model(options_.base_model).sha256);
}

TEST_F(TrainStage, TrainsTheTrainRowsOnceAndLeavesAUsableRun) {
  const StageReport first = run();
  EXPECT_FALSE(first.up_to_date);
  EXPECT_EQ(first.counts.at("train_pairs"), 8);
  EXPECT_EQ(first.counts.at("validation_pairs"), 2);
  EXPECT_EQ(first.counts.at("steps"), 6);
  EXPECT_EQ(first.counts.at("full"), 1);
  Weights weights = random_weights(tiny_config(), 1);
  const fs::path run_folder = finished_train_run(workspace_.db(), workspace_.runs());
  const Manifest manifest = load_checkpoint_into(weights, run_folder, reporter_);
  EXPECT_EQ(manifest.base_name, "Tiny");
  EXPECT_EQ(manifest.state.best_step, static_cast<std::int64_t>(first.counts.at("best_step")));
  EXPECT_TRUE(run().up_to_date);
}

class NotingReporter final : public Reporter {
 public:
  void begin(std::string_view, std::int64_t, std::string_view) override {}
  void update(std::int64_t, std::string_view) override {}
  void end(std::string_view) override {}
  void note(std::string_view line) override { lines.emplace_back(line); }
  void warn(std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

TEST_F(TrainStage, SaysHowLongThePairsAreAndLeavesLongOnesOutByNameIfAsked) {
  options_.vary_questions = 0;  // each pair keeps its question
  const Tokenizer tokenizer(tiny_tokenizer_spec());
  std::int64_t longest = 0;
  for (const Example& e : read_train_data(workspace_.db(), ChatTemplate(tokenizer), options_).train)
    longest = std::max(longest, static_cast<std::int64_t>(e.ids.size()));
  add("train", "what is long", std::string(400, 'x'));
  options_.train.max_length = longest;
  try {
    (void)run();
    ADD_FAILURE() << "cut a pair";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("\"what is long\" has"));
    EXPECT_THAT(e.hint(), testing::HasSubstr("train.drop_long"));
  }
  options_.drop_long = true;
  NotingReporter reporter;
  const StageReport report = train_stage(workspace_, cpu_, options_, reporter);
  EXPECT_EQ(report.counts.at("train_pairs"), 8);
  EXPECT_EQ(report.counts.at("left_out"), 1);
  EXPECT_EQ(report.counts.at("longest"), static_cast<double>(longest));
  EXPECT_GT(report.counts.at("labelled_tokens"), 0);
  EXPECT_GT(report.counts.at("pack_fill"), 0.1);
  EXPECT_THAT(reporter.lines, testing::Contains(testing::HasSubstr("left out: train pair")));
  EXPECT_THAT(reporter.lines, testing::Contains(testing::HasSubstr("none is cut, 1 left out as too long")));
}

TEST_F(TrainStage, OtherSettingsAreAnotherRun) {
  const StageReport first = run();
  options_.train.seed = 9;
  const StageReport second = run();
  EXPECT_FALSE(second.up_to_date);
  EXPECT_NE(first.key, second.key);
}

TEST_F(TrainStage, OldRunsGoTheNewestStay) {
  options_.train.steps = 2;
  std::vector<fs::path> folders;
  for (const std::uint64_t seed : {1, 2, 3}) {
    options_.train.seed = seed;
    (void)run();
    folders.push_back(finished_train_run(workspace_.db(), workspace_.runs()));
  }
  fs::create_directory(workspace_.runs() / "exports");
  EXPECT_FALSE(fs::exists(folders[0]));
  EXPECT_TRUE(fs::exists(folders[1]));
  options_.keep_runs = 1;
  options_.train.seed = 1;
  (void)run();
  EXPECT_FALSE(fs::exists(folders[1]) || fs::exists(folders[2]));
  EXPECT_TRUE(fs::exists(folders[0]) && fs::exists(workspace_.runs() / "exports"));
}

TEST_F(TrainStage, ALostRunFolderIsTrainedAgain) {
  (void)run();
  fs::remove_all(finished_train_run(workspace_.db(), workspace_.runs()));
  EXPECT_FALSE(run().up_to_date);
  EXPECT_FALSE(list_checkpoints(finished_train_run(workspace_.db(), workspace_.runs()), CheckpointKind::Best).empty());
}

TEST_F(TrainStage, RefusesATrainQuestionThatIsInTheTestSet) {
  add("gold", "what is 8", "something else");  // 8 is a validation row
  try {
    (void)run();
    ADD_FAILURE() << "trained on a test row";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("is also in the test set"));
  }
  EXPECT_EQ(last_stage_run(workspace_.db(), "train")->state, "failed");
  EXPECT_THROW((void)finished_train_run(workspace_.db(), workspace_.runs()), Error);
}

TEST_F(TrainStage, ForecastsWhatItWillDo) {
  const TrainForecast forecast = forecast_train_stage(workspace_, cpu_, options_);
  EXPECT_EQ(forecast.steps, 6);
  EXPECT_EQ(forecast.trained_parameters, tiny_config().n_parameters());
  EXPECT_GT(forecast.tokens, 6 * 4 * 10);
}

}  // namespace
}  // namespace faqsmith
