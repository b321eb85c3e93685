// PDF through poppler's pdftotext in a confined child. Headings by font size, paragraphs by gaps, columns in order;
// text that cannot be seen (no height, off the page) dropped. White text on white is not recognised: the boxes carry no
// colours.
#pragma once
#include <string_view>

#include "ingest/document.h"
#include "ingest/pdf_boxes.h"
#include "sys/confined_child.h"

namespace faqsmith {

// Throws Error(Input) if no page has text (encrypted, damaged, scanned), Error(Device) if it cannot be read safely
// here. What could be read of a damaged file is returned with partial_reason.
[[nodiscard]] Document read_pdf(std::string_view bytes, const ConfinedLimits& limits = {});

// The second half of it, for tests.
[[nodiscard]] Document document_of_boxes(PdfBoxes boxes);

}  // namespace faqsmith
