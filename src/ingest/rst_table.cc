// Grid tables are read row by row: a boundary between two columns counts in a row if every line of the row draws it.
#include "ingest/rst_table.h"

#include <algorithm>

#include "base/strings.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxColumns = 64;

// East Asian wide and full-width characters take two columns.
bool is_wide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x20000 && c <= 0x3FFFD);
}

// A line as columns: 0 stands in the second column of a wide character.
std::u32string columns_of(const RstLine& line, std::size_t base) {
  std::u32string out(line.indent > base ? line.indent - base : 0, U' ');
  for (std::size_t at = 0; at < line.text.size();) {
    const CodePoint c = decode_utf8(line.text, at);
    at += c.n_bytes;
    out += c.value;
    if (is_wide(c.value)) out += U'\0';
  }
  return out;
}

std::string text_of(std::u32string_view columns) {
  std::string out;
  for (const char32_t c : columns) {
    if (c != 0) append_utf8(out, c);
  }
  return std::string(trim(out));
}

// A cell's lines become paragraphs and list items.
class CellText {
 public:
  void add_line(std::string line) {
    const bool item =
        line.size() > 2 && line[1] == ' ' && std::string_view("-*+").find(line[0]) != std::string_view::npos;
    if (line.empty()) {
      fresh_ = true;
    } else if (item || fresh_) {
      parts_.push_back({item ? BlockKind::ListItem : BlockKind::Paragraph, item ? line.substr(2) : std::move(line)});
      fresh_ = false;
    } else {
      parts_.back().text += ' ' + line;
    }
  }
  [[nodiscard]] bool empty() const { return parts_.empty(); }
  [[nodiscard]] std::vector<FlowBlock> finish(RstNames& names) const {
    std::vector<FlowBlock> out;
    for (const Part& part : parts_) {
      FlowBlock flow;
      flow.block.kind = part.kind;
      flow.block.level = part.kind == BlockKind::ListItem ? 1 : 0;
      flow.block.text = rst_inline(part.text, names);
      out.push_back(std::move(flow));
    }
    return out;
  }

 private:
  struct Part {
    BlockKind kind = BlockKind::Paragraph;
    std::string text;
  };
  std::vector<Part> parts_;
  bool fresh_ = true;
};

bool is_rule(std::u32string_view part) {
  return !part.empty() && (part[0] == U'-' || part[0] == U'=') &&
         part.find_first_not_of(part[0]) == std::u32string_view::npos;
}

class GridTable {
 public:
  explicit GridTable(RstLines lines) {
    for (const RstLine& line : lines) lines_.push_back(columns_of(line, lines[0].indent));
    find_bounds();
  }

  std::vector<FlowBlock> read(RstNames& names) {
    if (bounds_.size() < 2 || bounds_.size() > kMaxColumns + 1) return {};
    open_.assign(bounds_.size() - 1, kNone);
    for (std::size_t at = 0; at < lines_.size();) {
      std::size_t end = at;
      while (end < lines_.size() && !has_rule(lines_[end])) ++end;
      if (end > at) read_row(at, end);
      if (end < lines_.size()) read_rules(lines_[end]);
      at = end + 1;
    }
    return build(names);
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct Cell {
    std::size_t row = 0, last_row = 0, column = 0, n_columns = 1;
    CellText text;
  };

  void find_bounds() {
    const auto dash = [](char32_t c) { return c == U'-' || c == U'='; };
    for (const std::u32string& line : lines_) {
      for (std::size_t x = 0; x < line.size(); ++x) {
        if (line[x] != U'+') continue;
        if ((x + 1 < line.size() && dash(line[x + 1])) || (x > 0 && dash(line[x - 1]))) bounds_.push_back(x);
      }
    }
    std::sort(bounds_.begin(), bounds_.end());
    bounds_.erase(std::unique(bounds_.begin(), bounds_.end()), bounds_.end());
  }

  [[nodiscard]] static bool drawn(const std::u32string& line, std::size_t x) {
    return x < line.size() && (line[x] == U'|' || line[x] == U'+');
  }

  // Indices into bounds_ that cut the lines [begin, end).
  [[nodiscard]] std::vector<std::size_t> cuts(std::size_t begin, std::size_t end) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      bool all = true;
      for (std::size_t line = begin; line < end && all; ++line) all = drawn(lines_[line], bounds_[i]);
      if (all) out.push_back(i);
    }
    return out;
  }

  [[nodiscard]] std::u32string_view part(const std::u32string& line, std::size_t a, std::size_t b) const {
    const std::size_t begin = std::min(bounds_[a] + 1, line.size()), end = std::min(bounds_[b], line.size());
    return std::u32string_view(line).substr(begin, end - begin);
  }

  [[nodiscard]] bool has_rule(const std::u32string& line) const {
    std::size_t last = kNone;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (!drawn(line, bounds_[i])) continue;
      if (last != kNone && is_rule(part(line, last, i))) return true;
      last = i;
    }
    return false;
  }

  Cell& cell_at(std::size_t column, std::size_t n_columns) {
    if (open_[column] == kNone) {
      cells_.push_back({.row = row_, .last_row = row_, .column = column, .n_columns = n_columns, .text = {}});
      for (std::size_t c = column; c < column + n_columns; ++c) open_[c] = cells_.size() - 1;
    }
    Cell& cell = cells_[open_[column]];
    cell.last_row = row_;
    return cell;
  }

  void read_row(std::size_t begin, std::size_t end) {
    const std::vector<std::size_t> at = cuts(begin, end);
    for (std::size_t i = 0; i + 1 < at.size(); ++i) {
      Cell& cell = cell_at(at[i], at[i + 1] - at[i]);
      for (std::size_t line = begin; line < end; ++line) {
        cell.text.add_line(text_of(part(lines_[line], at[i], at[i + 1])));
      }
    }
    row_filled_ = true;
  }

  // A line with rules: the cells above them end; between them a cell may go on.
  void read_rules(const std::u32string& line) {
    std::size_t last = kNone;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (!drawn(line, bounds_[i])) continue;
      if (last != kNone) {
        const std::u32string_view segment = part(line, last, i);
        if (is_rule(segment)) {
          if (segment[0] == U'=') n_header_ = row_ + 1;
          for (std::size_t c = last; c < i; ++c) open_[c] = kNone;
        } else if (open_[last] != kNone) {
          cells_[open_[last]].text.add_line(text_of(segment));
        }
      }
      last = i;
    }
    if (row_filled_) ++row_;
    row_filled_ = false;
  }

  std::vector<FlowBlock> build(RstNames& names) {
    TableBuilder table;
    std::stable_sort(cells_.begin(), cells_.end(), [](const Cell& a, const Cell& b) {
      return std::pair(a.row, a.column) < std::pair(b.row, b.column);
    });
    std::size_t row = kNone;
    for (const Cell& cell : cells_) {
      const bool header = cell.row < n_header_;
      header ? table.begin_head() : table.end_head();
      if (cell.row != row) table.begin_row();
      row = cell.row;
      table.add_cell(cell.text.finish(names), static_cast<int>(cell.n_columns),
                     static_cast<int>(cell.last_row - cell.row + 1), header);
    }
    return table.finish();
  }

  std::vector<std::u32string> lines_;
  std::vector<std::size_t> bounds_;  // columns that hold a "+" anywhere
  std::vector<Cell> cells_;
  std::vector<std::size_t> open_;  // by column between bounds: the cell that goes on
  std::size_t row_ = 0, n_header_ = 0;
  bool row_filled_ = false;
};

struct Span {
  std::size_t begin = 0, end = 0;
};

// "====  ===" or "----  -----": the runs of sign.
std::vector<Span> runs_of(std::u32string_view line, char32_t sign) {
  std::vector<Span> out;
  for (std::size_t x = 0; x < line.size();) {
    std::size_t end = x;
    while (end < line.size() && line[end] == sign) ++end;
    if (end > x) out.push_back({x, end});
    x = std::max(end, x + 1);
  }
  return out;
}

bool is_border(std::string_view text, char sign) {
  return text.size() > 2 && text[0] == sign && text.find(' ') != std::string_view::npos &&
         text.find_first_not_of(std::string{sign, ' '}) == std::string_view::npos;
}

class SimpleTable {
 public:
  explicit SimpleTable(RstLines lines) : lines_(lines) {
    columns_ = runs_of(columns_of(lines[0], lines[0].indent), U'=');
  }

  std::vector<FlowBlock> read(RstNames& names) {
    if (columns_.size() < 2 || columns_.size() > kMaxColumns) return {};
    const bool has_header =
        std::count_if(lines_.begin() + 1, lines_.end(), [](const RstLine& l) { return is_border(l.text, '='); }) > 1;
    if (has_header) table_.begin_head();
    for (const RstLine& line : lines_.subspan(1)) {
      std::u32string columns = columns_of(line, lines_[0].indent);
      if (is_border(line.text, '=')) {
        end_row(columns_, names);
        table_.end_head();
      } else if (!line.text.empty() && line.text.find_first_not_of("- ") == std::string_view::npos && !row_.empty()) {
        end_row(runs_of(columns, U'-'), names);
      } else {
        const bool starts = !text_of(std::u32string_view(columns).substr(0, columns_[0].end)).empty();
        if (starts) end_row(columns_, names);
        row_.push_back(std::move(columns));
      }
    }
    end_row(columns_, names);
    return table_.finish();
  }

 private:
  // The lines of row_ cut at spans; one that reaches over several columns is one cell.
  void end_row(const std::vector<Span>& spans, RstNames& names) {
    const bool blank = std::all_of(row_.begin(), row_.end(), [](const auto& line) { return text_of(line).empty(); });
    if (!blank && !spans.empty()) {
      table_.begin_row();
      for (std::size_t i = 0; i < spans.size(); ++i) {
        const bool last = i + 1 == spans.size();
        CellText text;
        for (const std::u32string& line : row_) {
          const std::size_t begin = std::min(spans[i].begin, line.size());
          const std::size_t end = last ? line.size() : std::min(spans[i + 1].begin, line.size());
          text.add_line(text_of(std::u32string_view(line).substr(begin, std::max(end, begin) - begin)));
        }
        const auto inside = [&](const Span& column) {
          return column.begin >= spans[i].begin && column.begin < spans[i].end;
        };
        const auto n = std::count_if(columns_.begin(), columns_.end(), inside);
        table_.add_cell(text.finish(names), static_cast<int>(n), 1, false);
      }
    }
    row_.clear();
  }

  RstLines lines_;
  std::vector<Span> columns_;
  std::vector<std::u32string> row_;
  TableBuilder table_;
};

// Rows of texts, the first n_header of them as head.
std::vector<FlowBlock> build_rows(const std::vector<std::vector<CellText>>& rows, int n_header, RstNames& names) {
  TableBuilder table;
  for (const auto& row : rows) {
    n_header-- > 0 ? table.begin_head() : table.end_head();
    table.begin_row();
    for (const CellText& cell : row) table.add_cell(cell.finish(names), 1, 1, false);
  }
  return table.finish();
}

void add_csv_rows(std::string_view text, std::vector<std::vector<CellText>>& rows) {
  std::string cell;
  bool quoted = false, row_open = false;
  const auto end_cell = [&] {
    if (!row_open) rows.emplace_back();
    row_open = true;
    CellText whole;
    for (const std::string_view line : split(cell, '\n')) whole.add_line(std::string(trim(line)));
    rows.back().push_back(std::move(whole));
    cell.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      cell += text[++i];
    } else if (c == '"' && (quoted || trim(cell).empty())) {
      quoted = !quoted;
    } else if (!quoted && c == ',') {
      end_cell();
    } else if (!quoted && c == '\n') {
      if (row_open || !trim(cell).empty()) end_cell();
      row_open = false;
    } else {
      cell += c;
    }
  }
  if (row_open || !trim(cell).empty()) end_cell();
}

}  // namespace

std::size_t grid_table_length(RstLines lines, std::size_t base) {
  if (lines.empty() || lines[0].indent != base || !lines[0].text.starts_with("+-") || !lines[0].text.ends_with("-+"))
    return 0;
  std::size_t n = 1;
  while (n < lines.size() && lines[n].indent == base &&
         (lines[n].text.starts_with('+') || lines[n].text.starts_with('|')))
    ++n;
  return n >= 3 ? n : 0;
}

std::size_t simple_table_length(RstLines lines, std::size_t base) {
  if (lines.empty() || lines[0].indent != base || !is_border(lines[0].text, '=')) return 0;
  int found = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].text.empty()) continue;
    if (lines[i].indent < base) return 0;
    if (lines[i].indent != base || !is_border(lines[i].text, '=')) continue;
    ++found;
    if (found == 2 || i + 1 == lines.size() || lines[i + 1].text.empty()) return i + 1;
  }
  return 0;
}

std::vector<FlowBlock> read_grid_table(RstLines lines, RstNames& names) {
  return GridTable(lines).read(names);
}

std::vector<FlowBlock> read_simple_table(RstLines lines, RstNames& names) {
  return SimpleTable(lines).read(names);
}

std::vector<FlowBlock> read_list_table(RstLines lines, int n_header_rows, RstNames& names) {
  std::vector<std::vector<CellText>> rows;
  std::size_t row_column = static_cast<std::size_t>(-1), cell_column = 0;
  const auto bullet = [](std::string_view text) {
    return !text.empty() && std::string_view("*-+").find(text[0]) != std::string_view::npos &&
           (text.size() == 1 || text[1] == ' ');
  };
  for (const RstLine& line : lines) {
    std::string_view text = line.text;
    std::size_t column = line.indent;
    if (row_column == static_cast<std::size_t>(-1) && !text.empty()) row_column = column;
    if (bullet(text) && column <= row_column) {
      rows.emplace_back();
      const std::size_t next = text.find_first_not_of(' ', 1);
      column += next == std::string_view::npos ? text.size() : next;
      text = next == std::string_view::npos ? std::string_view() : text.substr(next);
      cell_column = column;
    }
    if (rows.empty()) continue;
    if (bullet(text) && column <= cell_column) {
      rows.back().emplace_back();
      text = trim(text.substr(1));
    }
    if (!rows.back().empty()) rows.back().back().add_line(std::string(text));
  }
  std::erase_if(rows, [](const auto& row) { return row.empty() || row.size() > kMaxColumns; });
  return build_rows(rows, n_header_rows, names);
}

std::vector<FlowBlock> read_csv_table(RstLines lines, std::string_view header, int n_header_rows, RstNames& names) {
  std::vector<std::vector<CellText>> rows;
  add_csv_rows(header, rows);
  const int n_header = n_header_rows + static_cast<int>(rows.size());
  std::string text;
  for (const RstLine& line : lines) {
    text += line.text;
    text += '\n';
  }
  add_csv_rows(text, rows);
  std::erase_if(rows, [](const auto& row) { return row.size() > kMaxColumns; });
  return build_rows(rows, n_header, names);
}

}  // namespace faqsmith
