// The text boxes of a PDF as `pdftotext -bbox-layout` prints them: pages of lines with their places. Units: points,
// from the top left.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

struct PdfLine {
  double x_min = 0, y_min = 0, x_max = 0, y_max = 0;
  std::string text;
  double size = 0;  // median height of its words: grows with the font size
  [[nodiscard]] double middle() const { return (y_min + y_max) / 2; }
};

struct PdfPage {
  double width = 0, height = 0;
  std::vector<PdfLine> lines;  // in the order of the output, which is not yet reading order
  int n_hidden = 0;            // words that nobody can see: of no height, or off the page
};

struct PdfBoxes {
  std::string title;  // of the file's metadata
  std::vector<PdfPage> pages;
  bool complete = false;  // the output has its end
};

// Linear; output that was cut anywhere gives the pages that were whole.
[[nodiscard]] PdfBoxes parse_pdf_boxes(std::string_view output);

}  // namespace faqsmith
