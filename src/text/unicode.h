// Unicode for everything above text/: repair, NFC, invisible characters, case, words, sentences. ICU underneath, only
// in unicode.cc. All functions take any bytes (ill-formed UTF-8 counts as U+FFFD), are linear in time and thread-safe.
// Texts of 2 GiB and more are refused with Error(Input): ICU counts in 32 bits. Sources: UAX 15, 29 and 44.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/utf8.h"  // repair_utf8, is_valid_utf8

namespace faqsmith {

// Canonical composition; the result is valid UTF-8.
[[nodiscard]] std::string nfc(std::string_view text);

// What remove_invisible() took away.
struct InvisibleCounts {
  std::size_t n_bidi = 0;  // marks, embeddings, overrides, isolates: they show text in another order than it is read
  std::size_t n_zero_width = 0;  // spaces and joiners of no width, soft hyphens, tags, selectors without a character
  std::size_t n_control = 0;     // C0 and C1 except tab, line feed and carriage return
};

// Without the characters that a reader cannot see. Joiners that shape their neighbours (Persian, Indic scripts, emoji
// sequences) stay. Line separators of other kinds (VT, FF, NEL, U+2028, U+2029) become line feeds.
[[nodiscard]] std::string remove_invisible(std::string_view text, InvisibleCounts* counts = nullptr);

// Every run of Unicode white space becomes one space; none is left at the ends.
[[nodiscard]] std::string collapse_space(std::string_view text);

[[nodiscard]] std::string fold_case(std::string_view text);   // for comparing: ß = ss, Σ = σ = ς
[[nodiscard]] std::string lower_case(std::string_view text);  // for showing, no locale

[[nodiscard]] std::size_t count_code_points(std::string_view text);

// Words (UAX 29; dictionaries for Chinese, Japanese, Thai, …): segments that hold a letter or number, as views of text.
// text must be valid UTF-8 (see repair_utf8), or the views may cut ill-formed parts oddly.
[[nodiscard]] std::vector<std::string_view> words(std::string_view text);

// Sentences, trimmed, as views of text. Abbreviations ("e.g.", "Mr.", "z. B."), initials, version numbers and file
// names end none. A line end does: collapse_space() wrapped text first.
[[nodiscard]] std::vector<std::string_view> sentences(std::string_view text);

}  // namespace faqsmith
