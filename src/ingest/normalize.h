// The text of one block as it is stored, and what a line of it means to a reader: numbers of headings, questions,
// instructions.
#pragma once
#include <string>
#include <string_view>

#include "ingest/document.h"

namespace faqsmith {

enum class Lines {
  Keep,  // code, tables: line ends and indentation stay
  Tidy,  // prose: runs of white space become one space; a line end stays one
};

// Valid UTF-8 in NFC without control, bidi and zero-width characters; both kinds of loss are counted.
[[nodiscard]] std::string clean_text(std::string_view raw, Lines lines, Counts& counts);

// Without the indentation that all lines share.
[[nodiscard]] std::string dedent(std::string_view code);

// A letter or digit of any script is in it.
[[nodiscard]] bool has_words(std::string_view text);

// "1.1. What is Debian?" → "What is Debian?"; also "Chapter 3. …", "Q12: …", "IV. …", "(b) …"; a permalink sign at the
// end goes. A number that belongs to the words ("3 ways to …") stays.
[[nodiscard]] std::string strip_heading_number(std::string_view heading);

// A sentence of it ends with a question mark.
[[nodiscard]] bool is_question(std::string_view text);

// "Ignore previous instructions", or role and special tokens of a chat template: kept as plain text, but worth a flag.
[[nodiscard]] bool looks_like_instruction(std::string_view text);

}  // namespace faqsmith
