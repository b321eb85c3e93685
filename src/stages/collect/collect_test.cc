// collect: what is in the tables after documents came, changed, went and broke.
#include "stages/collect/collect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/strings.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

// Words stand for tokens: close enough for sizes.
int count_words(std::string_view text) {
  int n = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n';
    n += !space && !inside;
    inside = !space;
  }
  return n;
}

class Collect : public ::testing::Test {
 protected:
  Collect() : root(make_folder()), docs(root / "docs"), workspace(root / "w", Workspace::Mode::Create) {
    fs::create_directories(docs);
  }
  ~Collect() override { fs::remove_all(root); }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "faqsmith_collect_XXXXXX").string();
    return mkdtemp(name.data());
  }
  void put(const std::string& name, const std::string& text) {
    fs::create_directories((docs / name).parent_path());
    std::ofstream(docs / name, std::ios::binary) << text;
  }
  StageReport run() {
    SilentReporter reporter;
    options.inputs = {docs};
    return collect(workspace, options, count_words, reporter);
  }
  std::vector<SectionRow> sections() { return list_sections(workspace.db()); }
  SourceRow source(const std::string& name) { return find_source(workspace.db(), name).value(); }

  fs::path root, docs;
  Workspace workspace;
  CollectOptions options;
};

TEST_F(Collect, ReadsFoldersAndKeepsPlaces) {
  put("a.md", "# Shop\n\n## Can I return it?\n\nYes, within 30 days.\n\n## Is it free?\n\nNo.\n");
  put("sub/b.txt", "Plain words.\n");
  put("image.png", "\x89PNG");
  put(".hidden/c.md", "no");
  put(".d.md", "no");
  fs::create_symlink("/etc/hostname", docs / "link.txt");
  const StageReport report = run();
  EXPECT_EQ(report.counts.at("files"), 2);
  EXPECT_EQ(report.counts.at("other_files"), 1);
  EXPECT_EQ(report.counts.at("sections"), 3);
  EXPECT_EQ(source("sub/b.txt").state, "ok");
  EXPECT_EQ(sections()[0].heading_path, (std::vector<std::string>{"Shop", "Can I return it?"}));
  EXPECT_EQ(sections()[0].text, "Yes, within 30 days.");
  EXPECT_EQ(sections()[2].heading_path, (std::vector<std::string>{"b"}));
  EXPECT_TRUE(run().up_to_date);
}

TEST_F(Collect, UnchangedFilesAreNotReadAgainAndChangedOnesKeepWhatStayed) {
  put("a.md", "# A\n\n## One?\n\nFirst text.\n\n## Two?\n\nSecond text.\n");
  put("b.md", "# B\n\nText of b.\n");
  (void)run();
  const RowId second = sections()[1].id;
  put("a.md", "# A\n\n## Zero?\n\nNew.\n\n## Two?\n\nSecond text.\n");
  const StageReport report = run();
  EXPECT_EQ(report.counts.at("unchanged"), 1);
  ASSERT_EQ(report.counts.at("sections"), 3);
  EXPECT_FALSE(get_section(workspace.db(), second)->stale);
  EXPECT_EQ(get_section(workspace.db(), second)->ordinal, 1);
}

TEST_F(Collect, VanishedFileLosesItsSectionsAndComesBackWithThem) {
  put("a.md", "Text of a.\n");
  put("b.md", "Text of b.\n");
  (void)run();
  const RowId id = sections()[0].id;
  fs::remove(docs / "a.md");
  EXPECT_EQ(run().counts.at("removed"), 1);
  EXPECT_EQ(source("a.md").state, "removed");
  EXPECT_EQ(sections().size(), 1U);
  put("a.md", "Text of a.\n");
  (void)run();
  EXPECT_EQ(source("a.md").state, "ok");
  EXPECT_FALSE(get_section(workspace.db(), id)->stale);
}

TEST_F(Collect, BrokenFileIsARowWithItsReason) {
  put("a.md", "Good.\n");
  put("empty.html", "<div hidden>nothing to see</div>");
  options.max_file_bytes = 1000;
  put("large.txt", std::string(2000, 'x'));
  const StageReport report = run();
  EXPECT_EQ(report.counts.at("rejected"), 2);
  EXPECT_NE(source("empty.html").reason.find("no text"), std::string::npos);
  EXPECT_NE(source("large.txt").reason.find("limit"), std::string::npos);
}

TEST_F(Collect, NothingToReadIsAnErrorThatSaysSo) {
  EXPECT_THROW(run(), Error);
  put("empty.html", "<p></p>");
  EXPECT_THROW(run(), Error);
  EXPECT_EQ(last_stage_run(workspace.db(), "collect")->state, "failed");
}

// hazards.md row 13.
TEST_F(Collect, SameTextInManyFilesIsOneSectionUntilItsOriginalGoes) {
  for (int i = 0; i < 20; ++i) put("copy" + std::to_string(10 + i) + ".md", "# Copy\n\nThe very same  text.\n");
  EXPECT_EQ(run().counts.at("duplicate_sections"), 19);
  EXPECT_EQ(sections().size(), 1U);
  fs::remove(docs / "copy10.md");
  (void)run();
  ASSERT_EQ(sections().size(), 1U);
  EXPECT_EQ(sections()[0].source_id, source("copy11.md").id);
}

TEST_F(Collect, OneFileDoesNotFloodTheSet) {
  std::string text;
  for (int i = 0; i < 30; ++i)
    text += "## Question " + std::to_string(i) + "x?\n\nAnswer " + std::to_string(i) + ".\n\n";
  put("flood.md", text);
  options.max_sections_per_source = 10;
  EXPECT_EQ(run().counts.at("sections"), 10);
  EXPECT_EQ(source("flood.md").state, "partial");
}

TEST_F(Collect, OtherSizesCutAgain) {
  std::string text = "# T\n\n";
  for (int i = 0; i < 40; ++i) text += "Sentence number " + std::to_string(i) + " is here. ";
  put("a.md", text);
  options.cut.max_tokens = 60;
  (void)run();
  const std::size_t n = sections().size();
  options.cut.max_tokens = 30;
  EXPECT_FALSE(run().up_to_date);
  EXPECT_GT(sections().size(), n);
}

Document document_of(std::vector<Block> blocks) {
  DocumentBuilder builder;
  for (Block& block : blocks) builder.add(std::move(block));
  return builder.finish();
}

Block block(BlockKind kind, std::string text, int level = 0, int enclosing = 0) {
  Block out;
  out.kind = kind;
  out.text = std::move(text);
  out.level = level;
  out.enclosing = enclosing;
  return out;
}

TEST(Sections, SmallNeighboursJoinButQuestionsStayAlone) {
  const Document d = document_of({block(BlockKind::Heading, "Top", 1), block(BlockKind::Heading, "One", 2),
                                  block(BlockKind::Paragraph, "Short one."), block(BlockKind::Heading, "Two", 2),
                                  block(BlockKind::Paragraph, "Short two."), block(BlockKind::Heading, "Why?", 2),
                                  block(BlockKind::Paragraph, "Because."), block(BlockKind::Heading, "How?", 2),
                                  block(BlockKind::Paragraph, "So.")});
  const std::vector<CutSection> s = cut_sections(d, {}, count_words);
  ASSERT_EQ(s.size(), 3U);
  EXPECT_EQ(s[0].heading_path, (std::vector<std::string>{"Top"}));
  EXPECT_EQ(s[0].text, "One\n\nShort one.\n\nTwo\n\nShort two.");
  EXPECT_EQ(s[1].heading_path, (std::vector<std::string>{"Top", "Why?"}));
  EXPECT_EQ(s[2].text, "So.");
}

TEST(Sections, LongTextIsCutBetweenSentencesOnly) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "This is sentence " + std::to_string(i) + " of the long text. ";
  const Document d = document_of({block(BlockKind::Paragraph, text)});
  const std::vector<CutSection> s = cut_sections(d, {.max_tokens = 100, .min_tokens = 10}, count_words);
  ASSERT_GT(s.size(), 7U);
  std::string all;
  for (const CutSection& section : s) {
    EXPECT_LE(section.n_tokens, 100);
    EXPECT_GE(section.n_tokens, 50);
    EXPECT_TRUE(section.text.starts_with("This is")) << section.text;
    EXPECT_TRUE(section.text.ends_with("text.")) << section.text;
    if (!all.empty()) all += ' ';
    all += section.text;
  }
  EXPECT_EQ(all, trim(text));
}

TEST(Sections, EndlessEnumerationIsCutBetweenItsEntries) {
  std::string names;
  for (int i = 0; i < 500; ++i) names += "Person Number" + std::to_string(i) + "; ";
  const std::vector<CutSection> s = cut_sections(document_of({block(BlockKind::Paragraph, names)}),
                                                 {.max_tokens = 100, .min_tokens = 10}, count_words);
  ASSERT_GE(s.size(), 10U);
  for (const CutSection& section : s) {
    EXPECT_LE(section.n_tokens, 100);
    EXPECT_TRUE(section.text.starts_with("Person ")) << section.text;
  }
  const std::vector<CutSection> code =
      cut_sections(document_of({block(BlockKind::Code, std::string(3000, 'x') + " y")}),
                   {.max_tokens = 100, .min_tokens = 10}, count_words);
  EXPECT_EQ(code.size(), 1U);
}

TEST(Sections, LongTableRepeatsItsHeader) {
  std::string text = "Model | Size";
  for (int i = 0; i < 50; ++i) text += "\nrow " + std::to_string(i) + " | value";
  Block table = block(BlockKind::Table, text);
  table.has_header = true;
  const std::vector<CutSection> s =
      cut_sections(document_of({table}), {.max_tokens = 60, .min_tokens = 10}, count_words);
  ASSERT_GT(s.size(), 3U);
  for (const CutSection& section : s) EXPECT_TRUE(section.text.starts_with("Model | Size\nrow ")) << section.text;
}

TEST(Sections, AnswerOfDetailsEndsWithIt) {
  const Document d =
      document_of({block(BlockKind::Heading, "Top", 1), block(BlockKind::Question, "Is it?", 0, 1),
                   block(BlockKind::Paragraph, "Yes.", 0, 1), block(BlockKind::Paragraph, "Outside text."),
                   block(BlockKind::Question, "How long?", 0, 1), block(BlockKind::Definition, "A day.", 0, 1),
                   block(BlockKind::Term, "apt", 0, 1), block(BlockKind::Definition, "A tool.", 0, 1)});
  const std::vector<CutSection> s = cut_sections(d, {}, count_words);
  ASSERT_EQ(s.size(), 4U);
  EXPECT_EQ(s[0].heading_path, (std::vector<std::string>{"Top", "Is it?"}));
  EXPECT_EQ(s[1].heading_path, (std::vector<std::string>{"Top"}));
  EXPECT_EQ(s[2].heading_path, (std::vector<std::string>{"Top", "How long?"}));
  EXPECT_EQ(s[2].text, "A day.");
  EXPECT_EQ(s[3].text, "- apt: A tool.");
}

TEST(Sections, ListStaysWithTheLineThatIntroducesIt) {
  std::vector<Block> blocks = {
      block(BlockKind::Paragraph, "Twelve words stand here in front of the line that introduces all of it."),
      block(BlockKind::Paragraph, "You need the following things:")};
  for (int i = 0; i < 6; ++i) blocks.push_back(block(BlockKind::ListItem, "item number " + std::to_string(i), 1));
  const std::vector<CutSection> s = cut_sections(document_of(blocks), {.max_tokens = 22, .min_tokens = 2}, count_words);
  ASSERT_GE(s.size(), 2U);
  EXPECT_TRUE(s[1].text.starts_with("You need the following things:\n\n- item number 0\n- item")) << s[1].text;
}

TEST(Sections, BoldLineWithoutTextIsText) {
  const Document d = document_of({block(BlockKind::Heading, "Top", 1), block(BlockKind::Heading, "Mind the gap", 7),
                                  block(BlockKind::Heading, "Next", 2), block(BlockKind::Paragraph, "Text.")});
  const std::vector<CutSection> s = cut_sections(d, {}, count_words);
  ASSERT_EQ(s.size(), 1U);
  EXPECT_EQ(s[0].text, "Mind the gap\n\nNext\n\nText.");
}

}  // namespace
}  // namespace faqsmith
