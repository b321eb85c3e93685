// Lines of reStructuredText and what begins at one of them: markers of lists, fields, options, titles, directives.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/rst_table.h"

namespace faqsmith {

// Tabs become spaces up to every 8th column, line ends "\n".
[[nodiscard]] std::string expand_tabs(std::string_view text);
[[nodiscard]] std::vector<RstLine> cut_rst_lines(std::string_view text);  // views of text

// How many lines at the start stand at column or further right, up to the last that is not blank.
[[nodiscard]] std::size_t rst_body_length(RstLines lines, std::size_t column);
// The least indentation of a line that is not blank; otherwise if all are.
[[nodiscard]] std::size_t rst_margin(RstLines lines, std::size_t otherwise);
[[nodiscard]] std::string rst_joined(RstLines lines);  // as one line
[[nodiscard]] std::string rst_raw(RstLines lines);     // as they are, without the indentation that all share

// The same punctuation sign all along: under- and overlines of titles, transitions.
[[nodiscard]] bool is_adornment(std::string_view text);

struct RstTitle {
  std::string_view text;
  std::string style;        // its sign, twice if the title has an overline
  std::size_t n_lines = 0;  // title and adornment
};
[[nodiscard]] std::optional<RstTitle> rst_title(RstLines lines, std::size_t base);

// Length of the marker and the white space behind it at the start of text; 0: there is none.
[[nodiscard]] std::size_t bullet_marker(std::string_view text);      // "- ", "* ", "• "
[[nodiscard]] std::size_t enumerator_marker(std::string_view text);  // "1. ", "(a) ", "#. ", "iv) "
[[nodiscard]] std::size_t option_marker(std::string_view text);      // "-f FILE, --file=FILE  ", "/V  "

struct RstMark {
  std::string_view name;
  std::size_t length = 0;  // up to what comes behind it
};
[[nodiscard]] std::optional<RstMark> field_marker(std::string_view text);      // ":name: "
[[nodiscard]] std::optional<RstMark> note_marker(std::string_view text);       // "[1] ", "[#name] ", "[CIT] "
[[nodiscard]] std::optional<RstMark> directive_marker(std::string_view text);  // "name:: "

}  // namespace faqsmith
