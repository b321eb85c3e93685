// Any bytes as what pdftotext says of a PDF: read, never refused.
#include "document_target.h"
#include "ingest/pdf_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz_document(
      data, size, [](std::string_view bytes) { return faqsmith::document_of_boxes(faqsmith::parse_pdf_boxes(bytes)); });
}
