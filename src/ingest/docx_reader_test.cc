// Word's markup: what of it is on the page. Whole files and hostile archives: tests/docx_test.py.
#include "ingest/docx_reader.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "ingest/document_shape_test.h"

namespace faqsmith {
namespace {

constexpr std::string_view kSpace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

std::string part(std::string_view root, std::string_view body) {
  return "<?xml version=\"1.0\"?><w:" + std::string(root) + " xmlns:w=\"" + std::string(kSpace) +
         "\" xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\">" + std::string(body) +
         "</w:" + std::string(root) + ">";
}

Document read(std::string_view body, std::string_view styles = "") {
  const std::string xml = part("styles", styles);
  return document_of_word_xml(part("document", "<w:body>" + std::string(body) + "</w:body>"),
                              DocxStyles("styles", xml));
}

std::string p(std::string_view text, std::string_view properties = "") {
  return "<w:p><w:pPr>" + std::string(properties) + "</w:pPr><w:r><w:t xml:space=\"preserve\">" + std::string(text) +
         "</w:t></w:r></w:p>";
}

constexpr std::string_view kStyles =
    "<w:docDefaults><w:rPr><w:lang w:val=\"de-DE\"/></w:rPr></w:docDefaults>"
    "<w:style w:type=\"paragraph\" w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/><w:pPr><w:outlineLvl "
    "w:val=\"0\"/></w:pPr></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"Chapter\"><w:name w:val=\"Chapter\"/><w:basedOn "
    "w:val=\"berschrift1\"/></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"T2\"><w:name w:val=\"Titre 2\"/></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"Ti\"><w:name w:val=\"Title\"/></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"V\"><w:name w:val=\"toc 1\"/></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"C\"><w:name w:val=\"Source Code\"/></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"L\"><w:name w:val=\"List Bullet\"/><w:pPr><w:numPr><w:numId "
    "w:val=\"3\"/></w:numPr></w:pPr></w:style>"
    "<w:style w:type=\"character\" w:styleId=\"H\"><w:name w:val=\"Gone\"/><w:rPr><w:vanish/></w:rPr></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"X\"><w:name w:val=\"x\"/><w:basedOn w:val=\"Y\"/></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"Y\"><w:name w:val=\"y\"/><w:basedOn w:val=\"X\"/></w:style>";

TEST(Docx, HeadingsComeFromStylesNamesAndOutlineLevels) {
  const Document d = read(p("Buch", "<w:pStyle w:val=\"Ti\"/>") + p("1. Eins", "<w:pStyle w:val=\"berschrift1\"/>") +
                              p("Kapitel", "<w:pStyle w:val=\"Chapter\"/>") + p("Deux", "<w:pStyle w:val=\"T2\"/>") +
                              p("Drei", "<w:outlineLvl w:val=\"2\"/>") + p("Text", "<w:outlineLvl w:val=\"9\"/>") +
                              p("Kreis", "<w:pStyle w:val=\"X\"/>") + p("Wie geht das?", "<w:pStyle w:val=\"T2\"/>"),
                          kStyles);
  EXPECT_EQ(shape(d), "h1 Buch|h1 Eins|h1 Kapitel|h2 Deux|h3 Drei|p Text|p Kreis|h2 Wie geht das?");
  EXPECT_EQ(d.title, "Buch");
}

TEST(Docx, ListsCodeAndBoldLines) {
  EXPECT_EQ(shape(read(p("a", "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr>") +
                           p("b", "<w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"1\"/></w:numPr>") +
                           p("c", "<w:pStyle w:val=\"L\"/>") +
                           p("d", "<w:pStyle w:val=\"L\"/><w:numPr><w:numId w:val=\"0\"/></w:numPr>") +
                           p("if x:", "<w:pStyle w:val=\"C\"/>") + p("  y", "<w:pStyle w:val=\"C\"/>") +
                           "<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>Is it free?</w:t></w:r></w:p>" +
                           "<w:p><w:r><w:rPr><w:b w:val=\"0\"/></w:rPr><w:t>Yes</w:t></w:r></w:p>",
                       kStyles)),
            "li1 a|li2 b|li1 c|p d|code if x:\n  y|h7 Is it free?|p Yes");
}

TEST(Docx, TextOfRunsTabsBreaksAndSigns) {
  EXPECT_EQ(
      shape(read(
          "<w:p><w:pPr><w:tabs><w:tab w:val=\"left\"/></w:tabs></w:pPr><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t>"
          "<w:noBreakHyphen/><w:t>c</w:t><w:softHyphen/><w:sym w:font=\"W\" w:char=\"F04A\"/><w:sym w:char=\"2192\"/>"
          "<w:br/><w:t>d</w:t></w:r><w:hyperlink><w:r><w:t> "
          "e</w:t></w:r></w:hyperlink><w:smartTag><w:r><w:t>f</w:t></w:r>"
          "</w:smartTag></w:p>")),
      "p a b-c→\nd ef");
}

TEST(Docx, TrackedHiddenAndOldTextIsDroppedAndCounted) {
  const Document d = read(
      "<w:p><w:pPr><w:pPrChange><w:pPr><w:outlineLvl "
      "w:val=\"0\"/></w:pPr></w:pPrChange></w:pPr><w:r><w:t>keep</w:t></w:r>"
      "<w:del><w:r><w:delText> gone</w:delText></w:r></w:del><w:ins><w:r><w:t> "
      "new</w:t></w:r></w:ins><w:moveFrom><w:r><w:t>"
      " moved</w:t></w:r></w:moveFrom><w:r><w:rPr><w:vanish/></w:rPr><w:t> secret</w:t></w:r><w:r><w:rPr><w:rStyle "
      "w:val=\"H\"/></w:rPr><w:t> too</w:t></w:r></w:p>"
      "<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>first "
      "</w:t></w:r></w:p><w:p><w:r><w:t>half</w:t></w:r></w:p>"
      "<w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
      kStyles);
  EXPECT_EQ(shape(d), "p keep new|p first half");
  EXPECT_EQ(d.dropped.at("hidden"), 2);
  EXPECT_EQ(d.dropped.at("deleted"), 2);
}

TEST(Docx, FieldsShowTheirResultOnly) {
  const auto sign = [](std::string_view type) {
    return "<w:r><w:fldChar w:fldCharType=\"" + std::string(type) + "\"/></w:r>";
  };
  const auto code = [](std::string_view text) {
    return "<w:r><w:instrText>" + std::string(text) + "</w:instrText></w:r>";
  };
  const auto text = [](std::string_view shown) { return "<w:r><w:t>" + std::string(shown) + "</w:t></w:r>"; };
  const Document d =
      read("<w:p>" + text("See ") + sign("begin") + code(" REF _1 ") + text("not") + sign("begin") + code("X") +
               sign("separate") + text("nor") + sign("end") + sign("separate") + text("page 3") + sign("end") +
               text(".") + "</w:p><w:p>" + sign("begin") + code(" TOC \\o ") + sign("separate") + text("One 1") +
               "</w:p>" + p("Two 2") + "<w:p>" + sign("end") +
               "</w:p><w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery "
               "w:val=\"Table of Contents\"/></w:docPartObj></w:sdtPr><w:sdtContent>" +
               p("Contents") + "</w:sdtContent></w:sdt><w:p><w:fldSimple w:instr=\" DATE \">" + text("today") +
               "</w:fldSimple></w:p>" + p("Three", "<w:pStyle w:val=\"V\"/>"),
           kStyles);
  EXPECT_EQ(shape(d), "p See page 3.|p today");
  EXPECT_EQ(d.dropped.at("toc"), 4);
  EXPECT_EQ(d.partial_reason, "");
  EXPECT_NE(read(p("a") + "<w:p>" + sign("begin") + "</w:p>" + p("b")).partial_reason, "");
}

TEST(Docx, TablesKeepRowsHeadersAndMergedCells) {
  const auto cell = [](std::string_view text, std::string_view properties = "") {
    return "<w:tc><w:tcPr>" + std::string(properties) + "</w:tcPr><w:p><w:r><w:t>" + std::string(text) +
           "</w:t></w:r></w:p></w:tc>";
  };
  const Document d =
      read("<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr>" + cell("A") + cell("B", "<w:gridSpan w:val=\"2\"/>") +
           "</w:tr><w:tr>" + cell("1", "<w:vMerge w:val=\"restart\"/>") + cell("2|") + cell("3") + "</w:tr><w:tr>" +
           cell("", "<w:vMerge/>") + cell("4") + cell("5") + "</w:tr></w:tbl>");
  EXPECT_EQ(shape(d), "table A | B | B\n1 | 2/ | 3\n1 | 4 | 5");
  EXPECT_TRUE(d.blocks[0].has_header);
  EXPECT_EQ(shape(read("<w:tbl><w:tr>" + cell("a") + cell("b") + "</w:tr><w:tr>" + cell("c") + "<w:tc><w:tbl><w:tr>" +
                       cell("d") + cell("e") + "</w:tr></w:tbl><w:p/></w:tc></w:tr></w:tbl>")),
            "p a|p b|p c|table d | e");
}

TEST(Docx, TextBoxesStandBehindTheirParagraphOnce) {
  const std::string box = "<w:txbxContent>" + p("inside") + "</w:txbxContent>";
  EXPECT_EQ(shape(read("<w:p><w:r><w:t>before </w:t></w:r><w:r><mc:AlternateContent><mc:Choice>" + box +
                       "</mc:Choice><mc:Fallback>" + box +
                       "</mc:Fallback></mc:AlternateContent></w:r><w:r><w:t>after</w:t></w:r></w:p>")),
            "p before after|p inside");
}

void expect_refused(const std::string& xml, std::string_view words) {
  try {
    (void)document_of_word_xml(xml, DocxStyles());
    ADD_FAILURE() << "nothing was thrown: " << xml.substr(0, 40);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what();
  }
}

// hazards.md row 3.
TEST(Docx, TypesEntitiesAndDepthAreRefused) {
  expect_refused("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "declares a document type");
  expect_refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "declares a document type");
  expect_refused("<a>&x;</a>", "no well-formed XML");
  expect_refused(repeat("<a>", 300) + repeat("</a>", 300), "256 deep");
  expect_refused(part("document", "<w:body><w:p>"), "no well-formed XML");
  expect_refused("", "no well-formed XML");
  expect_refused("\xFF\xFE<", "no well-formed XML");
}

TEST(Docx, HostileMarkupTakesLinearTime) {
  const std::string texts[] = {
      repeat("<w:tbl><w:tr><w:tc>", 70) + repeat("</w:tc></w:tr></w:tbl>", 70),
      "<w:tbl>" + repeat("<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr></w:tc></w:tr>", 20000) + "</w:tbl>",
      "<w:tbl><w:tr>" + repeat("<w:tc><w:tcPr><w:vMerge/></w:tcPr></w:tc>", 40000) + "</w:tr></w:tbl>",
      repeat("<w:r><w:fldChar w:fldCharType=\"begin\"/></w:r>", 30000),
      repeat("<w:p/>", 100000),
      "<w:p>" + repeat("<w:r><w:t>a</w:t></w:r>", 100000) + "</w:p>",
      repeat("<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>a</w:t></w:r></w:p>", 50000),
      "</w:body><w:body>" + repeat("<w:tc/><w:tr/><w:txbxContent/><w:gridSpan/>", 20000)};
  for (const std::string& text : texts) {
    const auto begin = std::chrono::steady_clock::now();
    (void)read(text);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    EXPECT_LT(seconds, 5.0) << text.substr(0, 60);
  }
}

}  // namespace
}  // namespace faqsmith
