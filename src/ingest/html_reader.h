// HTML pages, and the HTML that Markdown becomes. libxml2's event parser: no tree, no recursion, linear time, whatever
// the nesting.
#pragma once
#include <string_view>

#include "ingest/document.h"

namespace faqsmith {

// bytes: a page in any charset that it declares (byte order mark, then <meta>, else UTF-8 or Windows-1252). Never
// throws for what the page contains: broken markup is read as browsers read it; what is cut short is said in
// partial_reason.
[[nodiscard]] Document read_html(std::string_view bytes);

// The same for text that is UTF-8 already, into a builder that may hold a title and counts.
void read_html_into(std::string_view utf8, DocumentBuilder& builder);

}  // namespace faqsmith
