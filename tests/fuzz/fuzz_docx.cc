// Any bytes as a Word file: refused with Error(Input), or valid UTF-8 comes out.
#include <cstdlib>

#include "base/error.h"
#include "ingest/docx_reader.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  try {
    const Document document = read_docx({reinterpret_cast<const char*>(data), size});
    if (!is_valid_utf8(document.plain_text())) std::abort();
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
