// reStructuredText: what documentation uses of it, and texts made to hurt parsers.
#include "ingest/rst_reader.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ingest/document_shape_test.h"
#include "ingest/reader.h"

namespace faqsmith {
namespace {

std::string shape(std::string_view text) {
  return shape(read_rst(text));
}

TEST(Rst, TitlesTakeTheirLevelFromTheFirstUseOfTheirStyle) {
  EXPECT_EQ(shape("=====\nGuide\n=====\n\nText\nwraps.\n\nPart\n====\n\nSub\n---\nx\n\nSub 2\n-----\n\nEnd\n===\n"),
            "h1 Guide|p Text wraps.|h2 Part|h3 Sub|p x|h3 Sub 2|h2 End");
  EXPECT_EQ(read_rst("1. First\n========\n\na\n").title, "First");
  EXPECT_EQ(shape("No title\n==\n\nÜber\n----\n"), "p No title ==|h1 Über");
  EXPECT_EQ(shape("a\n\n-----\n\nb\n"), "p a|p b");
}

TEST(Rst, QuestionsAreHeadings) {
  EXPECT_EQ(shape("FAQ\n***\n\nIs it free?\n-----------\n\nYes.\n\nHow?\n  Thus.\n"),
            "h1 FAQ|h2 Is it free?|p Yes.|q How?|dd Thus.");
}

TEST(Rst, ListsKeepTheirDepthAndTheirParagraphs) {
  EXPECT_EQ(shape("- a\n  b\n\n  more\n\n  * c\n- d\n\n1. e\n2. f\n\n(a) g\n\n#. h\n\niv. i\n\n-\n  j\n"),
            "li1 a b|p more|li2 c|li1 d|li1 e|li1 f|li1 g|li1 h|li1 i|li1 j");
  EXPECT_EQ(shape("A. Einstein wrote\nthis.\n"), "p A. Einstein wrote this.");
  EXPECT_EQ(shape("-not\n\n2 words\n"), "p -not|p 2 words");
}

TEST(Rst, DefinitionsFieldsAndOptions) {
  EXPECT_EQ(shape("term : class\n  Its\n  meaning.\n\n  More.\n\nother\n  - x\n"),
            "dt term : class|dd Its meaning.|dd More.|dt other|li1 x");
  EXPECT_EQ(shape(":orphan:\n\nT\n=\n\n:Author: Me\n:Note: two\n  lines\n"), "h1 T|p Author: Me|p Note: two lines");
  EXPECT_EQ(shape("-a, --all=WHAT  do all\n-v  be\n    loud\n--long\n    next line\n/V  dos\n"),
            "dt -a, --all=WHAT|dd do all|dt -v|dd be loud|dt --long|dd next line|dt /V|dd dos");
}

TEST(Rst, LiteralsKeepTheirLines) {
  EXPECT_EQ(shape("Run::\n\n    a\n      *b*\n\n    c\n\nThen ::\n\n  x\n\n::\n\n  y\n\nQuoted::\n\n> z\n> w\n\nEnd\n"),
            "p Run:|code a\n  *b*\n\nc|p Then|code x|code y|p Quoted:|code > z\n> w|p End");
  EXPECT_EQ(shape(".. code-block:: python\n   :linenos:\n\n   if x:\n       y\n\n.. code::\n\n  z\n\n>>> 1 + "
                  "1\n2\n\n.. math:: a\n"),
            "code if x:\n    y|code z|code >>> 1 + 1\n2|code a");
  EXPECT_EQ(shape("| one\n| *two*\n  wrapped\n\n  quote\n"), "p one\ntwo wrapped|p quote");
}

TEST(Rst, InlineMarkupBecomesItsText) {
  EXPECT_EQ(shape("*a* **b** ``c*`` `d` :ref:`e <f>` :doc:`/g/h` :py:func:`~i.j` `k <http://l>`_ m_ `n o`__ [1]_ "
                  "\\*p\\* q\\ *r*s\n"),
            "p a b c* d e /g/h j k m n o [1] *p* q*r*s");
  EXPECT_EQ(shape("2*3*4 a*b (*) \"*\" __init__ x_y_z *open `open ``open |open end_\n"),
            "p 2*3*4 a*b (*) \"*\" __init__ x_y_z *open `open ``open |open end");
  EXPECT_EQ(shape(":pep:`8`, :kbd:`Ctrl`, `x`:sub:, :raw-html:`<b>`, `<http://u>`_ and _`target`.\n"),
            "p PEP 8, Ctrl, x, , http://u and target.");
  EXPECT_EQ(shape("“*a*” —*b*— «``c``»\n"), "p “a” —b— «c»");
}

TEST(Rst, NamesAreResolvedInsideTheFile) {
  EXPECT_EQ(shape(".. |v| replace:: *3.2*\n.. |c| unicode:: 0xA9 .. sign\n.. |i| image:: x.png\n\n"
                  "|v| of |c|, |I| |none|, see :ref:`low`.\n\n.. _low:\n.. _also:\n\nLower *part*\n------------\n"),
            "p 3.2 of ©, none, see Lower part.|h1 Lower part");
}

TEST(Rst, CommentsTargetsMenusAndOtherFilesAreNoText) {
  const Document d = read_rst(
      ".. a comment\n   goes on\n\n.. _t: http://x\n__ http://y\n\n.. toctree::\n   :maxdepth: 2\n\n   a\n   b\n\n"
      ".. include:: /etc/passwd\n.. literalinclude:: secret.py\n.. raw:: html\n\n   <b>\n\n.. contents:: In here\n\n"
      "..\n\n  quote\n\nText\n");
  EXPECT_EQ(shape(d), "p quote|p Text");
  EXPECT_EQ(d.dropped.at("toc"), 2);
}

TEST(Rst, NotesCarryTheirLabel) {
  EXPECT_EQ(
      shape(
          ".. note:: Mind\n   this.\n\n   And that.\n\n.. warning::\n   :class: x\n\n   Hot.\n\n.. tip::\n\n   - a\n"),
      "p Note: Mind this.|p And that.|p Warning: Hot.|p Tip:|li1 a");
  EXPECT_EQ(shape(".. versionadded:: 3.2\n.. deprecated:: 4 Use\n   that.\n.. versionchanged:: 5\n   More.\n"),
            "p New in version 3.2.|p Deprecated since version 4: Use that.|p Changed in version 5: More.");
  EXPECT_EQ(
      shape(".. admonition:: Why?\n\n   So.\n\n.. rubric:: More\n\n.. [1] Foot\n   note\n.. [#x] y\n.. [CIT] z\n"),
      "h7 Why?|p So.|h7 More|p [1] Foot note|p [#x] y|p [CIT] z");
}

TEST(Rst, FiguresObjectsAndUnknownDirectives) {
  EXPECT_EQ(
      shape(".. image:: a.png\n   :alt: Build status\n\n.. image:: b.png\n   :alt: The pump seen from above\n\n"
            ".. figure:: c.png\n   :alt: x\n\n   Caption.\n\n   Legend.\n\n.. foo:bar:: arg\n   :opt: 1\n\n   Kept.\n\n"
            ".. only:: html\n\n   Inner\n   -----\n\n   Text.\n"),
      "p The pump seen from above|p Caption.|p Legend.|p Kept.|h1 Inner|p Text.");
  EXPECT_EQ(shape(".. py:function:: f(a)\n                 g(b)\n   :module: m\n\n   Does it.\n\n   :param a: what\n"),
            "dt f(a)\ng(b)|dd Does it.|dd param a: what");
}

TEST(Rst, TablesOfEveryKindKeepRowsAndHeader) {
  const Document grid = read_rst(
      "+-----+-------+\n| A   | B     |\n+=====+=======+\n| 1   | *two* |\n|     | lines |\n+-----+-------+\n| span    "
      "    |\n"
      "+-----+-------+\n| r   | x|y   |\n|     +-------+\n|     | z     |\n+-----+-------+\n");
  EXPECT_EQ(shape(grid), "table A | B\n1 | two lines\nspan |\nr | x/y\nr | z");
  EXPECT_TRUE(grid.blocks[0].has_header);
  const Document simple = read_rst(
      "=====  =====  ====\nName          N\n------------  ----\nA      B      C\n=====  =====  ====\na b    ``c``  "
      "long text\n"
      "              goes on\n\n\\      e      f\n=====  =====  ====\n\nEnd\n");
  EXPECT_EQ(shape(simple), "table Name | Name | N\nA | B | C\na b | c | long text goes on\n | e | f|p End");
  EXPECT_TRUE(simple.blocks[0].has_header);
  EXPECT_EQ(shape(".. list-table:: Cap\n   :header-rows: 1\n\n   * - A\n     - B\n   * - 1\n       more\n     -\n   * "
                  "- 3\n     - 4\n"),
            "p Cap|table A | B\n1 more |\n3 | 4");
  EXPECT_EQ(shape(".. csv-table:: Cap\n   :header: a, \"b, c\"\n\n   1, \"two \"\"x\"\"\n   lines\"\n   3,\n"),
            "p Cap|table a | b, c\n1 | two \"x\" lines\n3 |");
}

TEST(Rst, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(shape("+------+---+\n| 漢字 | x |\n+------+---+\n| ab   | é |\n+------+---+\n"), "table 漢字 | x\nab | é");
}

TEST(Rst, TextFilesAreRecognisedByTheirMarkup) {
  EXPECT_EQ(detect_format("a.rst", "x"), DocumentFormat::Rst);
  EXPECT_EQ(detect_format("a.REST", "x"), DocumentFormat::Rst);
  EXPECT_EQ(detect_format("a.txt", "T\n=\n\n.. note:: x\n\n.. _a: b\n"), DocumentFormat::Rst);
  EXPECT_EQ(detect_format("README", "T\n=\n\n.. note:: x\n\n.. _a: b\n"), DocumentFormat::Rst);
  EXPECT_EQ(detect_format("a.txt", "T\n=\n\n.. and so on\n\n.. note: x\n"), DocumentFormat::Text);
}

TEST(Rst, SubstitutionsCannotMultiplyAFile) {
  std::string text = ".. |a| replace:: " + repeat("x", 50000) + "\n\n";
  for (int i = 0; i < 3000; ++i) text += "|a| ";
  const Document d = read_rst(text);
  EXPECT_LT(d.plain_text().size(), 4 * text.size());
  EXPECT_GT(d.dropped.at("too_deep"), 2900);
}

// hazards.md rows 3 and 4, for this format.
TEST(Rst, HostileTextsTakeLinearTime) {
  std::string stairs, quotes;
  for (int i = 0; i < 1500; ++i) {
    stairs += std::string(static_cast<std::size_t>(i), ' ') + "- a\n\n";
    quotes += std::string(static_cast<std::size_t>(i), ' ') + ".. note:: a\n\n";
  }
  const std::string texts[] = {stairs,
                               quotes,
                               repeat("- ", 50000) + "x",
                               repeat("- ", 20000) + "x" + repeat("\n", 50000) + repeat(" ", 60000) + "y",
                               repeat("*a ", 50000),
                               repeat("**a ", 50000),
                               repeat("`a ", 50000),
                               repeat("``a ", 50000),
                               repeat("|a ", 50000),
                               repeat(":a:`b ", 50000),
                               repeat("[a", 50000),
                               repeat("a_", 50000),
                               repeat("a_-", 50000),
                               repeat("_`a ", 50000),
                               repeat("\\", 50001),
                               repeat(":", 50000),
                               repeat("=", 50000) + "\n",
                               repeat("==\n", 50000),
                               repeat("== ==\n", 50000),
                               repeat("== ==\na\n", 30000),
                               repeat("+-+\n", 50000),
                               repeat("+-", 30) + "+\n" + repeat("|\n", 50000),
                               repeat("+-", 20000) + "+\n" + repeat("|\n", 20000),
                               "+---+\n" + repeat("|+--+\n", 50000),
                               repeat(".. |a| replace:: b\n", 20000) + repeat("|a| ", 20000),
                               repeat(".. _a:\n", 30000) + repeat("a\n=\n", 20000),
                               repeat("..\n", 50000),
                               repeat(".. x::\n", 50000),
                               repeat(":a: b\n", 50000),
                               repeat("a\n b\n", 50000),
                               repeat("a::\n\n b\n\n", 20000),
                               repeat("\t", 50000) + "x",
                               ".. csv-table::\n\n " + repeat("\"", 50001) + repeat(",", 50000),
                               ".. list-table::\n\n " + repeat("* - a\n ", 20000),
                               repeat("x\n\n", 50000),
                               repeat("\n", 200000) + ".. a",
                               repeat("a: b\\", 50000),
                               std::string("a\0b", 3),
                               repeat("\xFF", 50000)};
  int i = 0;
  for (const std::string& text : texts) {
    const auto begin = std::chrono::steady_clock::now();
    (void)read_rst(text);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    EXPECT_LT(seconds, 5.0) << "text " << i << ": " << text.substr(0, 12);
    if (seconds > 0.5) std::printf("text %d (%s) %.2f s\n", i, text.substr(0, 12).c_str(), seconds);
    ++i;
  }
}

}  // namespace
}  // namespace faqsmith
