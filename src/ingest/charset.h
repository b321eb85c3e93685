// Bytes of any charset become UTF-8. Conversion itself is the C library's (iconv).
#pragma once
#include <string>
#include <string_view>

#include "ingest/document.h"

namespace faqsmith {

// What a page says its charset is: byte order mark, then <meta charset> in its first kilobytes; empty if it says
// nothing.
[[nodiscard]] std::string html_charset(std::string_view bytes);

// declared: a name that iconv knows; empty or unknown: UTF-8 if it is valid, else Windows-1252 (as browsers do). A byte
// order mark wins over both and is removed. The result is valid UTF-8 without NUL: bytes that mean nothing become
// U+FFFD and are counted (dropped::kInvalid).
[[nodiscard]] std::string to_utf8(std::string_view bytes, std::string_view declared, Counts& counts);

}  // namespace faqsmith
