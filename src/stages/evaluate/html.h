// Text into HTML: the one way by which anything a model or document said reaches a page.
#pragma once
#include <string>
#include <string_view>

namespace faqsmith {

// Safe between tags and inside double-quoted attributes: & < > " ' escaped, control characters and ill-formed UTF-8
// replaced by U+FFFD.
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace faqsmith
