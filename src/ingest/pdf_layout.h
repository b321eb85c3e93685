// From boxes to reading order: page furniture and tables of contents dropped, columns one after the other.
#pragma once
#include <cstdint>

#include "ingest/pdf_boxes.h"

namespace faqsmith {

struct PdfFurniture {
  std::int64_t n_furniture = 0;  // lines: headers, footers, page numbers
  std::int64_t n_toc = 0;        // pages or runs of lines
};

// Removes lines that come back at the same height of many pages, page numbers, and tables of contents.
[[nodiscard]] PdfFurniture drop_furniture(std::vector<PdfPage>& pages);

// Sorts a page's lines: top to bottom, the left column before the right one; a line across both columns (or a heading
// with nothing beside it) ends the columns above it.
void sort_reading_order(PdfPage& page, double body_size);

// The size most of the text has.
[[nodiscard]] double find_body_size(const std::vector<PdfPage>& pages);

}  // namespace faqsmith
