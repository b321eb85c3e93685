// A document's name as questions will use it. "Model Details" names no document; its file does.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "ingest/document.h"

namespace faqsmith {

// The document's title, or its file name in words ("llama3.1 model card") if the title could be that of any document.
[[nodiscard]] std::string display_title(const Document& document, std::string_view file_name);

// Puts the title in front of a heading path that does not begin with it.
void name_document(std::vector<std::string>& heading_path, const std::string& title);

}  // namespace faqsmith
