// Word files (.docx, .docm; Office Open XML): what a reader of the printed pages would see, without what repeats on
// every page. Read in this process like HTML, and why that is enough: docs/decisions/0011-word-files-in-the-process.md.
#pragma once
#include <string_view>

#include "ingest/document.h"
#include "ingest/docx_styles.h"

namespace faqsmith {

// Throws Error(Input) for files that are damaged or made to hurt their reader (hazards: sizes, names, links, DTD).
// Pictures, macros, embedded objects and linked files are never looked at.
[[nodiscard]] Document read_docx(std::string_view bytes);

// The second half of it, for tests: the main part alone.
[[nodiscard]] Document document_of_word_xml(std::string_view xml, const DocxStyles& styles);

}  // namespace faqsmith
