// Plain text: structure from layout. Headings are underlined, in capitals or numbered; lines wrapped by hand are joined
// again.
#pragma once
#include <string_view>

#include "ingest/document.h"

namespace faqsmith {

// bytes: UTF-8, UTF-16 with a mark, or Windows-1252.
[[nodiscard]] Document read_text(std::string_view bytes);

}  // namespace faqsmith
