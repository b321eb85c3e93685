// reStructuredText, as documentation uses it: sections, lists, tables, literal blocks, directives, roles,
// substitutions. Our own parser: docutils is Python. Compared with it in tests/rst_docutils_test.py.
#pragma once
#include <string_view>

#include "ingest/document.h"

namespace faqsmith {

// bytes: UTF-8, UTF-16 with a mark, or Windows-1252. Never throws for what the text contains; other files that it names
// are never opened. Titles that are questions are headings like in any other format.
[[nodiscard]] Document read_rst(std::string_view bytes);

// At least two lines only reStructuredText has (".. name::", ".. _target:"): a .txt file that is no plain text.
[[nodiscard]] bool looks_like_rst(std::string_view bytes);

}  // namespace faqsmith
