// Python's str.strip(), which chat templates apply to messages: white space at the ends, all of Unicode's and the
// separators U+001C to U+001F. Text is valid UTF-8 or at least stays uncut.
#pragma once
#include <string_view>

namespace faqsmith {

[[nodiscard]] std::string_view strip_left(std::string_view text);
[[nodiscard]] std::string_view strip_right(std::string_view text);
[[nodiscard]] std::string_view strip(std::string_view text);

}  // namespace faqsmith
