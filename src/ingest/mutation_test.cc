// Thousands of damaged documents: whatever the bytes, the readers end, and what they return keeps their promises.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "ingest/html_reader.h"
#include "ingest/markdown_reader.h"
#include "ingest/pdf_reader.h"
#include "ingest/rst_reader.h"
#include "ingest/text_reader.h"
#include "text/unicode.h"

namespace faqsmith {
namespace {

constexpr int kRounds = 3000;

const std::string_view kHtml =
    "<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>T &amp; "
    "U</title><style>.h{display:none}</style></head><body>"
    "<nav><a href=/>x</a></nav><main><h1>1. One</h1><p>Text <b>bold</b> &nbsp; <a "
    "href=#a>link</a><br>more.</p><table><thead><tr>"
    "<th colspan=2>A<th>B</thead><tr><td "
    "rowspan=2>1<td>2<td>3<tr><td>4<td><ul><li>5</ul></table><details><summary>Why?</summary>"
    "<p>So.</p></details><dl><dt>How?<dd>Thus.<dt>t<dd>d</dl><pre>a\n  b</pre><ol><li>i<p>j</ol><p "
    "class=h>gone</p></main></body></html>";
const std::string_view kMarkdown =
    "---\ntitle: M\n---\n# One\n\nText *em* `code` [a](b \"c\") ![i](j)\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n- x\n  - "
    "y\n\n1. z\n\n> q\n> > r\n\n"
    "```c\nint x;\n```\n\n<details><summary>Q?</summary>\n\nA.\n\n</details>\n\nfoot[^1]\n\n[^1]: note\n\n**Label** "
    "Text\n";
const std::string_view kText =
    "TITLE\n=====\n\n1. First\n\nA para-\ngraph goes\non.\n\n- a\n- b\n  c\n\n2.1 Sub\n\n    code {x}\n\nWhat is "
    "it?\nA thing.\n\n(a) x\n(b) y\n";
const std::string_view kBoxes =
    "<head><title>T</title></head><doc><page width=\"612\" height=\"792\"><flow><block><line xMin=\"72\"><word "
    "xMin=\"72\" yMin=\"60\" "
    "xMax=\"120\" yMax=\"84\">Head</word></line><line><word xMin=\"72\" yMin=\"100\" xMax=\"120\" "
    "yMax=\"112\">some</word><word "
    "xMin=\"124\" yMin=\"100\" xMax=\"160\" yMax=\"112\">text-</word></line><line><word xMin=\"72\" yMin=\"118\" "
    "xMax=\"120\" "
    "yMax=\"130\">ure &lt;x&gt;</word></line><line><word xMin=\"400\" yMin=\"700\" xMax=\"410\" "
    "yMax=\"712\">7</word></line></block>"
    "</flow></page></doc>";

const std::string_view kRst =
    "=====\nTitle\n=====\n\n.. |v| replace:: *1*\n.. _low:\n\nSub |v|\n-------\n\nA *b* **c** ``d`` `e <f>`_ "
    ":ref:`low` [1]_ "
    "g_ \\*h\n\n- i\n\n  1. j\n     k\n\nl\n  m::\n\n     n\n\n:o: p\n\n-q, --r=S  t\n\n.. note:: u\n   v\n\n.. "
    "code-block:: w\n   :x:\n\n   y\n\n+---+---+\n| a | b |\n+===+===+\n| c     |\n+---+---+\n\n=== ===\nd   e\n=== "
    "===\nf   g\n--- ---\n=== ===\n\n.. list-table::\n   :header-rows: 1\n\n   * - h\n     - i\n\n.. csv-table:: j\n   "
    ":header: k,l\n\n   \"m\",n\n\n.. [1] o\n\n| p\n|  q\n\n>>> r\n";

// Flips, cuts, copies and repeats pieces of seed; sometimes splices in a part of another document.
std::string mutate(std::string text, Rng& rng) {
  const std::string_view others[] = {kHtml,          kMarkdown, kText, kBoxes, kRst, "\xFF\xFE",
                                     "\xE2\x80\xAE", "<",       "|",   "[",    ">",  "\0"};
  const int n_changes = 1 + static_cast<int>(rng.below(8));
  for (int i = 0; i < n_changes && !text.empty(); ++i) {
    const std::size_t at = rng.below(text.size());
    const std::size_t n = 1 + rng.below(std::min<std::size_t>(60, text.size() - at));
    switch (rng.below(5)) {
      case 0:
        text[at] = static_cast<char>(rng.below(256));
        break;
      case 1:
        text.erase(at, n);
        break;
      case 2:
        text.insert(rng.below(text.size()), text.substr(at, n));
        break;
      case 3: {
        const std::string piece = text.substr(at, n);
        for (std::uint64_t k = rng.below(20); k > 0; --k) text.insert(at, piece);
        break;
      }
      default: {
        const std::string_view other = others[rng.below(std::size(others))];
        if (!other.empty()) text.insert(at, other.substr(rng.below(other.size())));
      }
    }
  }
  return text;
}

void expect_promises(const Document& document, const std::string& bytes) {
  const std::string plain = document.plain_text();
  for (const Block& block : document.blocks) {
    ASSERT_TRUE(is_valid_utf8(block.text)) << bytes;
    ASSERT_FALSE(block.text.empty());
    ASSERT_EQ(plain.substr(static_cast<std::size_t>(block.begin_byte), block.text.size()), block.text) << bytes;
    if (block.kind == BlockKind::Heading) {
      ASSERT_TRUE(block.level >= 1 && block.level <= 7) << bytes;
    }
  }
  ASSERT_TRUE(is_valid_utf8(document.title));
}

template <class Read>
void survive(std::string_view seed, std::uint64_t rng_seed, const Read& read) {
  Rng rng(rng_seed);
  for (int round = 0; round < kRounds; ++round) {
    const std::string bytes = mutate(std::string(seed), rng);
    expect_promises(read(bytes), bytes);
  }
}

TEST(Mutated, HtmlIsAlwaysRead) {
  survive(kHtml, 1, read_html);
}
TEST(Mutated, MarkdownIsAlwaysRead) {
  survive(kMarkdown, 2, read_markdown);
}
TEST(Mutated, TextIsAlwaysRead) {
  survive(kText, 3, read_text);
}
TEST(Mutated, RstIsAlwaysRead) {
  survive(kRst, 5, read_rst);
}
TEST(Mutated, PdfBoxesAreAlwaysRead) {
  survive(kBoxes, 4, [](std::string_view bytes) { return document_of_boxes(parse_pdf_boxes(bytes)); });
}

}  // namespace
}  // namespace faqsmith
