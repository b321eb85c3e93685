// Import and export of rows through a workspace.
#include "stages/import/import.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "stages/testing.h"

namespace faqsmith {
namespace {

using testing_support::TestWorkspace;

TEST(Import, RowsComeBackAsTheyWere) {
  TestWorkspace workspace("import_round");
  const std::string bytes =
      "{\"question\":\"Wie geht \\\"das\\\"?\",\"answer\":\"So:\\n- eins\"}\n{\"question\":\"q\",\"answer\":\"a\"}\n";
  const fs::path in = workspace.folder() / "in.jsonl", out = workspace.folder() / "out.jsonl";
  write_file_atomic(in, bytes);
  SilentReporter reporter;
  StageReport report = import_data(workspace.get(), {.file = in, .as = ImportAs::Gold}, reporter);
  EXPECT_EQ(report.counts["added"], 2);
  EXPECT_EQ(import_data(workspace.get(), {.file = in}, reporter).counts["known"], 2);
  DataExportOptions options;
  options.file = out;
  options.parts = {"gold"};
  EXPECT_EQ(export_data(workspace.get(), options).counts["rows"], 2);
  EXPECT_EQ(read_file(out), bytes);
}

TEST(Import, SystemTurnsLaterTurnsAndOtherFieldsComeBack) {
  const std::pair<DataFormat, std::string> cases[] = {
      {DataFormat::Faq, R"({"question":"q","answer":"a","system":"s","id":17,"tags":["x",{"y":null}]})"},
      {DataFormat::Alpaca, R"({"instruction":"Translate.","input":"two\n\nparts","output":"a"})"},
      {DataFormat::ShareGpt,
       R"({"conversations":[{"from":"system","value":"s"},{"from":"human","value":"q"},{"from":"gpt","value":"a"},)"
       R"({"from":"human","value":"and?"},{"from":"gpt","value":"b"}],"id":"c1"})"},
      {DataFormat::Messages, R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},)"
                             R"({"role":"user","content":"more?"},{"role":"assistant","content":"c"}]})"},
  };
  for (const auto& [format, line] : cases) {
    TestWorkspace workspace("import_whole");
    const fs::path in = workspace.folder() / "in.jsonl", out = workspace.folder() / "out.jsonl";
    write_file_atomic(in, line + "\n");
    SilentReporter reporter;
    (void)import_data(workspace.get(), {.file = in, .as = ImportAs::Gold}, reporter);
    (void)export_data(workspace.get(), {.file = out, .format = format, .parts = {"gold"}, .system = ""});
    EXPECT_EQ(read_file(out), line + "\n");
  }
}

TEST(Import, ABadLineAddsNothing) {
  TestWorkspace workspace("import_bad");
  const fs::path in = workspace.folder() / "in.jsonl";
  write_file_atomic(in, "{\"question\":\"q\",\"answer\":\"a\"}\n{\"question\":\n");
  SilentReporter reporter;
  EXPECT_THROW((void)import_data(workspace.get(), {.file = in}, reporter), Error);
  EXPECT_TRUE(list_pairs(workspace.db()).empty());
}

TEST(ExportData, RefusesUnknownPartsAndEmptyResults) {
  TestWorkspace workspace("export_bad");
  DataExportOptions options;
  options.file = workspace.folder() / "out.jsonl";
  EXPECT_THROW((void)export_data(workspace.get(), options), Error);
  options.parts = {"trian"};
  EXPECT_THROW((void)export_data(workspace.get(), options), Error);
  EXPECT_FALSE(fs::exists(options.file));
}

}  // namespace
}  // namespace faqsmith
