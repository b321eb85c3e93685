// Any bytes as the main part of a Word file: refused with Error(Input), or read.
#include "base/error.h"
#include "document_target.h"
#include "ingest/docx_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  return fuzz_document(data, size, [](std::string_view bytes) {
    try {
      return document_of_word_xml(bytes, DocxStyles("styles.xml", bytes));
    } catch (const Error& e) {
      if (e.kind() != Kind::Input) throw;
    }
    return Document();
  });
}
