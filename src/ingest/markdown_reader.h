// Markdown (GitHub's dialect, with tables) through cmark-gfm. Raw HTML in it counts as HTML, so it ends in the HTML
// reader.
#pragma once
#include <string_view>

#include "ingest/document.h"

namespace faqsmith {

// bytes: UTF-8 (else repaired). YAML front matter gives title and language and is no text.
[[nodiscard]] Document read_markdown(std::string_view bytes);

}  // namespace faqsmith
