// Any bytes as a document: the first byte chooses the reader, and what it returns is valid UTF-8 with true places.
#include <cstdlib>

#include "base/error.h"
#include "ingest/docx_reader.h"
#include "ingest/html_reader.h"
#include "ingest/markdown_reader.h"
#include "ingest/pdf_reader.h"
#include "ingest/rst_reader.h"
#include "ingest/text_reader.h"
#include "text/unicode.h"

namespace {

faqsmith::Document read(int choice, std::string_view bytes) {
  switch (choice % 6) {
    case 0:
      return faqsmith::read_html(bytes);
    case 1:
      return faqsmith::read_markdown(bytes);
    case 2:
      return faqsmith::read_text(bytes);
    case 3:
      return faqsmith::document_of_word_xml(bytes, {});
    case 4:
      return faqsmith::read_rst(bytes);
    default:
      return faqsmith::document_of_boxes(faqsmith::parse_pdf_boxes(bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  faqsmith::Document document;
  try {
    document = read(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  } catch (const faqsmith::Error& e) {  // only Word's markup may be refused
    if (data[0] % 6 != 3 || e.kind() != faqsmith::Kind::Input) throw;
  }
  const std::string plain = document.plain_text();
  for (const faqsmith::Block& block : document.blocks) {
    if (!faqsmith::is_valid_utf8(block.text)) std::abort();
    if (plain.substr(static_cast<std::size_t>(block.begin_byte), block.text.size()) != block.text) std::abort();
  }
  return 0;
}
