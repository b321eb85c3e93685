// The table, the file, the environment: who wins, what is refused, what init writes.
#include "app/settings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "app/config_sources.h"
#include "app/stage_options.h"
#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

class Settings : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "faqsmith_settings_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path write(std::string_view text) {
    write_file_atomic(folder_ / "faqsmith.yaml", text);
    return folder_ / "faqsmith.yaml";
  }
  // What and hint of the error that reading text gives; empty if there is none.
  std::string refusal(std::string_view text) {
    Config config;
    try {
      read_settings_file(write(text), config);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::User);
      return fmt::format("{} | {}", error.what(), error.hint());
    }
    return "";
  }
  fs::path folder_;
};

TEST_F(Settings, DefaultsAreValidAndGroupsAreContiguous) {
  std::set<std::string> closed;
  std::set<std::string_view> keys;
  std::string current;
  for (const auto& setting : all_settings()) {
    Config config;
    const auto items = config.list(setting.key);
    EXPECT_NO_THROW(config.set(setting.key, items, Origin::File, "test")) << setting.key;
    EXPECT_FALSE(setting.help.empty()) << setting.key;
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key << " stands twice";
    const auto dot = setting.key.find('.');
    const std::string group(dot == std::string_view::npos ? "" : setting.key.substr(0, dot));
    if (group != current) {
      EXPECT_TRUE(closed.insert(group).second) << "the group of " << setting.key << " is split";
    }
    current = group;
  }
}

TEST_F(Settings, DefaultsConvertToEveryStagesOptions) {
  const Config config;
  EXPECT_EQ(options_json(train_options(config)), [] {
    TrainOptions defaults;
    defaults.seed = 7;
    return options_json(defaults);
  }());
  EXPECT_EQ(generate_options(config).samples_per_fact, GenerateOptions{}.samples_per_fact);
}

TEST_F(Settings, StrongerOriginWinsWhateverTheOrder) {
  Config config;
  config.set("seed", {"3"}, Origin::Flag, "--seed");
  config.set("seed", {"2"}, Origin::Environment, "FAQSMITH_SEED");
  config.set("seed", {"1"}, Origin::File, "faqsmith.yaml:1");
  EXPECT_EQ(config.integer("seed"), 3);
  EXPECT_EQ(config.value("seed").origin, Origin::Flag);
}

TEST_F(Settings, FileGivesValuesWithTheirLine) {
  Config config;
  read_settings_file(write("seed: 9\ntrain:\n  steps: 12\n  method: lora\ngenerate:\n  examples:\n    - How?\n    - "
                           "'Why: so?'\nlora:\n"),
                     config);
  EXPECT_EQ(config.integer("seed"), 9);
  EXPECT_EQ(config.integer("train.steps"), 12);
  EXPECT_EQ(config.text("train.method"), "lora");
  EXPECT_EQ(config.list("generate.examples"), (std::vector<std::string>{"How?", "Why: so?"}));
  EXPECT_TRUE(config.value("train.steps").place.ends_with("faqsmith.yaml:3"));
  EXPECT_EQ(config.value("lora.rank").origin, Origin::Default);
}

TEST_F(Settings, UnknownKeyNamesFileLineAndSuggestion) {
  const std::string text = refusal("seed: 1\ntrain:\n  stepz: 3\n");
  EXPECT_NE(text.find("faqsmith.yaml:3"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean 'train.steps'?"), std::string::npos) << text;
}

TEST_F(Settings, WrongTypeOrRangeNamesFileLineAndWhatIsAllowed) {
  EXPECT_NE(
      refusal("train:\n  steps: many\n").find("faqsmith.yaml:2: train.steps is 'many' | write a whole number from 0"),
      std::string::npos);
  EXPECT_NE(refusal("train:\n  steps: 1.5\n").find("train.steps is '1.5'"), std::string::npos);
  EXPECT_NE(refusal("lora:\n  rank: 0\n").find("lora.rank is '0'"), std::string::npos);
  EXPECT_NE(refusal("train:\n  method: adapter\n").find("one of auto, full, lora"), std::string::npos);
  EXPECT_NE(refusal("train:\n  steps: nan\n").find("'nan'"), std::string::npos);
}

TEST_F(Settings, BrokenFilesAreRefused) {
  EXPECT_NE(refusal("train: [\n").find("not valid YAML"), std::string::npos);
  EXPECT_NE(refusal("train: 3\n").find("group of settings"), std::string::npos);
  EXPECT_NE(refusal("- a\n").find("key: value"), std::string::npos);
  EXPECT_NE(refusal("seed: 1\nseed: 2\n").find("set twice"), std::string::npos);
  EXPECT_NE(refusal("seed: {a: 1}\n").find("nested"), std::string::npos);
  EXPECT_NE(refusal("seed: [1, 2]\n").find("takes one value"), std::string::npos);
  EXPECT_NE(refusal(std::string(100000, '[')), "");
}

TEST_F(Settings, AliasBombIsRefusedWithoutExpansion) {
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i) bomb += fmt::format("a{}: &a{} [*a{}, *a{}]\n", i, i, i - 1, i - 1);
  EXPECT_NE(refusal(bomb), "");
}

TEST_F(Settings, EmptyFileKeepsDefaults) {
  EXPECT_EQ(refusal(""), "");
  EXPECT_EQ(refusal("# nothing\n"), "");
}

TEST_F(Settings, EnvironmentIsReadAndItsTyposAreReported) {
  ::setenv("FAQSMITH_TRAIN_METHOD", "full", 1);
  ::setenv("FAQSMITH_TRAIN_METHD", "lora", 1);
  Config config;
  const auto warnings = read_environment(config);
  ::unsetenv("FAQSMITH_TRAIN_METHOD");
  ::unsetenv("FAQSMITH_TRAIN_METHD");
  EXPECT_EQ(config.text("train.method"), "full");
  EXPECT_EQ(config.value("train.method").place, "FAQSMITH_TRAIN_METHOD");
  // Other variables may stand in the environment of whoever runs the tests.
  EXPECT_EQ(std::ranges::count_if(warnings, [](const std::string& w) { return w.find("METHD") != std::string::npos; }),
            1);
  EXPECT_EQ(std::ranges::count_if(
                warnings,
                [](const std::string& w) { return w.find("did you mean FAQSMITH_TRAIN_METHOD") != std::string::npos; }),
            1);
}

// Takes the '#' away in front of every "#key:" and expects the file to say what the defaults say.
TEST_F(Settings, InitWritesAFileThatReadsBackAsTheDefaults) {
  Config given;
  given.set("documents", {"a b", "c"}, Origin::Flag, "arguments");
  given.set("bot.topic", {"cats: \"all\" of them #1"}, Origin::Flag, "--topic");
  const std::string commented = commented_settings_file(given);
  std::string text;
  for (const auto line : split(commented, '\n')) {
    const auto mark = line.find('#');
    const bool setting = mark != std::string_view::npos && mark + 1 < line.size() && line[mark + 1] != ' ' &&
                         line.substr(0, mark).find_first_not_of(' ') == std::string_view::npos;
    text += setting ? std::string(line.substr(0, mark)) + std::string(line.substr(mark + 1)) : std::string(line);
    text += '\n';
  }
  Config config;
  read_settings_file(write(text), config);
  const Config defaults;
  for (const auto& setting : all_settings()) {
    if (setting.key == "documents" || setting.key == "bot.topic") continue;
    EXPECT_EQ(config.list(setting.key), defaults.list(setting.key)) << setting.key;
    EXPECT_EQ(config.value(setting.key).origin, Origin::File) << setting.key;
  }
  EXPECT_EQ(config.list("documents"), (std::vector<std::string>{"a b", "c"}));
  EXPECT_EQ(config.text("bot.topic"), "cats: \"all\" of them #1");
}

TEST_F(Settings, InitsOwnFileIsValidAsItStands) {
  EXPECT_EQ(refusal(commented_settings_file(Config())), "");
}

TEST(Duration, AcceptsWhatPeopleWrite) {
  EXPECT_EQ(parse_duration_s("20m", "--budget"), 1200);
  EXPECT_EQ(parse_duration_s("1h30m", "--budget"), 5400);
  EXPECT_EQ(parse_duration_s("90", "--budget"), 90);
  EXPECT_EQ(parse_duration_s("0.5h", "--budget"), 1800);
  for (const char* wrong : {"", "m", "20x", "-5m", "0", "1..2m"})
    EXPECT_THROW((void)parse_duration_s(wrong, "--budget"), Error) << wrong;
}

}  // namespace
}  // namespace faqsmith
