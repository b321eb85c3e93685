// PDF: layout becomes structure, and hostile files are rejected or partial, never silently empty. Files are composed
// here.
#include "ingest/pdf_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "ingest/document_shape_test.h"
#include "sys/file.h"

namespace faqsmith {
namespace {

// One text at a place (from the page's lower left corner) in a size.
std::string put(double x, double y, double size, std::string text) {
  text = replace_all(replace_all(replace_all(std::move(text), "\\", "\\\\"), "(", "\\("), ")", "\\)");
  return fmt::format("BT /F1 {} Tf {} {} Td ({}) Tj ET\n", size, x, y, text);
}

// A file with one content stream a page. extra: more entries of the trailer.
std::string make_pdf(const std::vector<std::string>& pages, const std::string& kids = "",
                     const std::string& extra = "") {
  std::vector<std::string> objects = {"<< /Type /Catalog /Pages 2 0 R >>", "",
                                      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"};
  std::string page_refs;
  for (const std::string& content : pages) {
    page_refs += fmt::format("{} 0 R ", objects.size() + 1);
    objects.push_back(
        fmt::format("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R /Resources << /Font << /F1 "
                    "3 0 R >> >> >>",
                    objects.size() + 2));
    objects.push_back(fmt::format("<< /Length {} >>\nstream\n{}\nendstream", content.size(), content));
  }
  objects[1] = fmt::format("<< /Type /Pages /Kids [{}] /Count {} >>", kids.empty() ? page_refs : kids, pages.size());
  std::string out = "%PDF-1.4\n", xref;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    xref += fmt::format("{:010} 00000 n \n", out.size());
    out += fmt::format("{} 0 obj\n{}\nendobj\n", i + 1, objects[i]);
  }
  const std::size_t place = out.size();
  out += fmt::format("xref\n0 {}\n0000000000 65535 f \n{}trailer << /Size {} /Root 1 0 R {} >>\nstartxref\n{}\n%%EOF\n",
                     objects.size() + 1, xref, objects.size() + 1, extra, place);
  return out;
}

Error error_of(const std::string& bytes, const ConfinedLimits& limits = {}) {
  try {
    (void)read_pdf(bytes, limits);
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(Kind::Internal, "");
}

TEST(Pdf, HeadingsParagraphsAndListsComeFromTheLayout) {
  const std::string page =
      put(72, 720, 24, "The Manual") + put(72, 680, 16, "First steps") +
      put(72, 655, 11, "Open the box and take the prod-") + put(72, 641, 11, "uct out. It is a good product.") +
      put(72, 610, 11, "You need these things:") + put(72, 592, 11, "- a knife") + put(72, 578, 11, "- a hand") +
      put(72, 540, 16, "Next steps") + put(72, 515, 11, "Enjoy it for a long time, and then tell us.");
  const Document d = read_pdf(make_pdf({page}));
  EXPECT_EQ(shape(d),
            "h1 The Manual|h2 First steps|p Open the box and take the product out. It is a good product.|p You need "
            "these things:|li1 a knife|"
            "li1 a hand|h2 Next steps|p Enjoy it for a long time, and then tell us.");
  EXPECT_EQ(d.title, "The Manual");
  EXPECT_EQ(d.blocks[0].page, 1);
  EXPECT_TRUE(d.partial_reason.empty()) << d.partial_reason;
}

TEST(Pdf, FurnitureGoesAndASentenceCrossesThePages) {
  std::vector<std::string> pages;
  const std::string bodies[] = {"The text of this page goes on", "with the same sentence here.",
                                "Another one stands on this page.", "The last page ends it."};
  pages.reserve(4);
  for (int i = 0; i < 4; ++i) {
    pages.push_back(put(72, 770, 9, "ACME Handbook") + put(72, 600, 11, bodies[i]) +
                    put(300, 20, 9, "Page " + std::to_string(i + 1)));
  }
  const Document d = read_pdf(make_pdf(pages));
  EXPECT_EQ(shape(d),
            "p The text of this page goes on with the same sentence here.|p Another one stands on this page.|p The "
            "last page ends it.");
  EXPECT_EQ(d.dropped.at("furniture"), 8);
  EXPECT_EQ(d.blocks[1].page, 3);
}

TEST(Pdf, ColumnsAreReadOneAfterTheOther) {
  std::string page = put(72, 740, 20, "A title across both of the columns");
  for (int i = 0; i < 8; ++i) {
    page += put(72, 700 - 14 * i, 11, fmt::format("left line {} of the text here", i)) +
            put(330, 700 - 14 * i, 11, fmt::format("right line {} of the text", i));
  }
  const Document d = read_pdf(make_pdf({page}));
  const std::string text = d.plain_text();
  EXPECT_LT(text.find("left line 7"), text.find("right line 0")) << text;
}

// hazards.md row 2.
TEST(Pdf, TextThatNobodySeesIsDropped) {
  const std::string page = put(72, 700, 11, "This can be seen.") + put(72, 600, 0.5, "Ignore this tiny text") +
                           put(900, 500, 11, "off the page");
  const Document d = read_pdf(make_pdf({page}));
  EXPECT_EQ(shape(d), "p This can be seen.");
}

// hazards.md row 1.
TEST(Pdf, BombIsStoppedByItsLimits) {
  const std::string bomb = read_file(fs::path(FAQSMITH_SOURCE_DIR) / "src/ingest/testdata/bomb.pdf");
  EXPECT_LT(bomb.size(), 20000U);
  const Error e = error_of(bomb, {.memory_bytes = std::size_t{512} << 20, .cpu_seconds = 2, .wall_seconds = 20});
  EXPECT_EQ(e.kind(), Kind::Input);
  EXPECT_FALSE(e.hint().empty());
}

TEST(Pdf, CyclicPageTreeEnds) {
  const std::string cyclic = make_pdf({put(72, 700, 11, "Text of the page.")}, "2 0 R 4 0 R 2 0 R");
  try {
    EXPECT_FALSE(read_pdf(cyclic, {.cpu_seconds = 5, .wall_seconds = 20}).blocks.empty());
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
  }
}

TEST(Pdf, EncryptedFileIsRejectedWithItsReason) {
  const std::string encrypted = make_pdf({put(72, 700, 11, "Secret.")}, "",
                                         "/Encrypt << /Filter /Standard /V 1 /R 2 /P -64 /O "
                                         "(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) /U (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb) >> "
                                         "/ID [(0123456789abcdef) (0123456789abcdef)]");
  const Error e = error_of(encrypted);
  EXPECT_NE(std::string(e.what()).find("password"), std::string::npos) << e.what();
}

TEST(Pdf, FileCutAnywhereIsRejectedOrPartial) {
  std::vector<std::string> pages;
  pages.reserve(5);
  for (int i = 0; i < 5; ++i) pages.push_back(put(72, 700, 11, fmt::format("Sentence of page {} stands here.", i)));
  const std::string whole = make_pdf(pages);
  for (const double share : {0.02, 0.3, 0.6, 0.9, 0.97}) {
    const std::string cut = whole.substr(0, static_cast<std::size_t>(share * static_cast<double>(whole.size())));
    try {
      const Document d = read_pdf(cut);
      EXPECT_FALSE(d.blocks.empty());
      EXPECT_FALSE(d.partial_reason.empty()) << share;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::Input) << e.what();
    }
  }
}

TEST(Pdf, EmptyAndScannedFilesSaySo) {
  EXPECT_NE(std::string(error_of(make_pdf({"0 0 100 100 re f"})).hint()).find("OCR"), std::string::npos);
  EXPECT_EQ(error_of("").kind(), Kind::Input);
  EXPECT_EQ(error_of("%PDF-1.4\nnothing").kind(), Kind::Input);
}

TEST(PdfBoxes, HostileOutputIsOnlyText) {
  const PdfBoxes boxes = parse_pdf_boxes(
      "<page width=\"1e999\" height=\"nan\"><line><word xMin=\"9\" yMin=\"1\" xMax=\"2\" yMax=\"20\">a &amp;lt; "
      "b</word></line></page><page><line><word");
  EXPECT_EQ(boxes.pages.size(), 1U);
  EXPECT_FALSE(boxes.complete);
  EXPECT_TRUE(document_of_boxes(parse_pdf_boxes(std::string(1000000, '<'))).blocks.empty());
}

}  // namespace
}  // namespace faqsmith
