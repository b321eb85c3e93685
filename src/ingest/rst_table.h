// Tables of reStructuredText: grid, simple, list-table and csv-table, each as the blocks that TableBuilder makes of its
// cells (one Table, or their texts if it only lays out the page). Columns count in characters, as on a terminal.
// Source: docutils, "reStructuredText Markup Specification", sections "Grid Tables" and "Simple Tables".
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/html_flow.h"
#include "ingest/rst_inline.h"

namespace faqsmith {

struct RstLine {
  std::string_view text;   // without indentation and trailing white space
  std::size_t indent = 0;  // columns
};
using RstLines = std::span<const RstLine>;

// How many lines at the start of lines are a table whose left edge is at column base; 0: there is none.
[[nodiscard]] std::size_t grid_table_length(RstLines lines, std::size_t base);
[[nodiscard]] std::size_t simple_table_length(RstLines lines, std::size_t base);

[[nodiscard]] std::vector<FlowBlock> read_grid_table(RstLines lines, RstNames& names);
[[nodiscard]] std::vector<FlowBlock> read_simple_table(RstLines lines, RstNames& names);

// The bodies of the directives list-table and csv-table. header: the option of that name, a row before the others.
[[nodiscard]] std::vector<FlowBlock> read_list_table(RstLines lines, int n_header_rows, RstNames& names);
[[nodiscard]] std::vector<FlowBlock> read_csv_table(RstLines lines, std::string_view header, int n_header_rows,
                                                    RstNames& names);

}  // namespace faqsmith
