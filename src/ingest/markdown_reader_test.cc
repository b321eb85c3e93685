// Markdown: GitHub's dialect with HTML in it, and texts made to hurt parsers.
#include "ingest/markdown_reader.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ingest/document_shape_test.h"

namespace faqsmith {
namespace {

TEST(Markdown, BlocksComeInOrder) {
  EXPECT_EQ(
      shape(read_markdown("# Top\n\nSome *text* with `code`.\n\n- a\n- b\n\n```sh\nls -l\n```\n\n## Sub\n> quoted\n")),
      "h1 Top|p Some text with code.|li1 a|li1 b|code ls -l|h2 Sub|p quoted");
}

TEST(Markdown, TablesKeepHeaderAndRows) {
  const Document d = read_markdown("| Model | Size |\n|:--|--:|\n| 7B | 13 GB |\n| 13B | 24 GB |\n");
  EXPECT_EQ(shape(d), "table Model | Size\n7B | 13 GB\n13B | 24 GB");
  EXPECT_TRUE(d.blocks[0].has_header);
}

TEST(Markdown, FrontMatterGivesTheTitle) {
  const Document d = read_markdown("---\ntitle: \"The Guide\"\nlang: de\ntags: [a]\n---\nText.\n");
  EXPECT_EQ(d.title, "The Guide");
  EXPECT_EQ(d.language, "de");
  EXPECT_EQ(shape(d), "p Text.");
  EXPECT_EQ(shape(read_markdown("---\nno end\n")), "p no end");
}

TEST(Markdown, HtmlInsideCountsAsHtml) {
  const Document d = read_markdown(
      "<p align=center><img src=a.png><a href=x>Home</a>&nbsp | <a href=y>Blog</a> | <a href=z>Docs</a></p>\n\n# T\n\n"
      "<details><summary>Is it free?</summary>\n\nYes, "
      "**always**.\n\n</details>\n\n<table><tr><td>a<td>b<tr><td>c<td>d</table>\n\n"
      "<span style=\"display:none\">secret</span>\n\n<!-- comment -->\n");
  EXPECT_EQ(shape(d), "h1 T|q Is it free?|p Yes, always.|table a | b\nc | d");
  EXPECT_EQ(d.dropped.at("navigation"), 1);
  EXPECT_EQ(d.dropped.at("hidden"), 1);
}

TEST(Markdown, BoldLabelsBecomeLabels) {
  EXPECT_EQ(shape(read_markdown("**Developer** Meta\n\n**Status:** static\n\n**Violence** is bad\n\n**Note**: x\n")),
            "p Developer: Meta|p Status: static|p Violence is bad|p Note: x");
}

TEST(Markdown, RulesAreNoContainers) {
  EXPECT_EQ(shape(read_markdown("a\n\n" + repeat("-", 200) + "\n\nb\n\n" + repeat("* ", 30) + "\n\nc")), "p a|p b|p c");
}

// hazards.md row 4.
TEST(Markdown, HostileTextsTakeLinearTime) {
  const std::string texts[] = {repeat("[", 50000),
                               repeat("> ", 10000) + "x",
                               repeat(repeat("> ", 10000) + "x\n", 20),
                               repeat("- ", 10000) + "x",
                               repeat("1. ", 10000) + "x",
                               repeat("[a](", 50000),
                               repeat("![a](", 50000),
                               repeat("[a](<b", 50000),
                               repeat("*a_ ", 50000),
                               repeat("a**b", 50000),
                               repeat("*a **a ", 50000),
                               repeat("`a", 50000),
                               repeat("<a ", 50000),
                               repeat("&", 50000),
                               repeat("[a]: b\n", 20000) + repeat("[a]", 20000),
                               repeat("|", 50000),
                               repeat("a|", 20000) + "\n" + repeat("-|", 20000) + "\n" + repeat("x\n", 2000),
                               repeat("~~a~", 50000),
                               repeat("www.", 50000),
                               repeat("a@", 50000),
                               repeat("<!--", 50000),
                               repeat("[^a]", 20000),
                               repeat("[^1]: x\n", 5000) + repeat("[^1]", 5000),
                               repeat("<?", 50000),
                               repeat("~", 50000) + "a",
                               repeat("```\n", 50000),
                               repeat("* x\n  ", 5000),
                               repeat("\t", 50000) + "x",
                               std::string("a\0b", 3),
                               repeat("\xFF", 50000),
                               repeat("[ (](", 50000),
                               repeat("__a", 50000),
                               repeat("<div>\n", 50000),
                               repeat("a\n> b\n", 20000),
                               repeat("![[]()", 50000),
                               repeat("http://a", 30000)};
  int i = 0;
  for (const std::string& text : texts) {
    const auto begin = std::chrono::steady_clock::now();
    (void)read_markdown(text);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    EXPECT_LT(seconds, 5.0) << "text " << i << ": " << text.substr(0, 12);
    if (seconds > 0.5) std::printf("text %d (%s) %.2f s\n", i, text.substr(0, 12).c_str(), seconds);
    ++i;
  }
}

}  // namespace
}  // namespace faqsmith
