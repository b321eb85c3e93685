// Any bytes as plain text: read, never refused.
#include "document_target.h"
#include "ingest/text_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz_document(data, size, faqsmith::read_text);
}
