// Tables: spans repeated so that every row can be understood alone; layout tables dissolved.
#include <algorithm>
#include <iterator>

#include "ingest/html_flow.h"

namespace faqsmith {
namespace {

constexpr int kMaxColumns = 64;
constexpr int kMaxRowspan = 1000;
constexpr std::size_t kLongCell = 700;  // bytes; running text of this length is no table cell

std::string cell_text(const std::vector<FlowBlock>& content) {
  std::string text;
  for (const FlowBlock& part : content) {
    if (!text.empty()) text += part.block.kind == BlockKind::ListItem ? "; " : " ";
    for (const char c : part.block.text) text += c == '\n' || c == '|' ? (c == '|' ? '/' : ' ') : c;
  }
  return text;
}

}  // namespace

void TableBuilder::fill_pending() {
  std::vector<Cell>& row = rows_.back();
  while (row.size() < pending_.size() && pending_[row.size()].rows_left > 0) {
    Pending& span = pending_[row.size()];
    --span.rows_left;
    Cell copy;
    copy.text = span.text;
    copy.is_copy = true;
    row.push_back(std::move(copy));
  }
}

void TableBuilder::begin_row() {
  rows_.emplace_back();
  if (in_head_) head_seen_ = true;
}

void TableBuilder::add_cell(std::vector<FlowBlock> content, int colspan, int rowspan, bool is_header) {
  if (rows_.empty()) begin_row();
  fill_pending();
  std::vector<Cell>& row = rows_.back();
  const std::string text = cell_text(content);
  const std::size_t first = row.size();
  const int n_columns = std::clamp(colspan, 1, kMaxColumns);
  const int n_rows = std::clamp(rowspan, 1, kMaxRowspan);
  if (row.size() >= kMaxColumns) {  // more cells than any table has: their text still counts
    std::vector<FlowBlock>& last = row.back().content;
    std::move(content.begin(), content.end(), std::back_inserter(last));
    row.back().text += " " + text;
    return;
  }
  for (int column = 0; column < n_columns && row.size() < kMaxColumns; ++column) {
    Cell cell;
    // A header that spans columns names each of them; a value is said once.
    cell.text = column == 0 || is_header || in_head_ ? text : "";
    cell.is_header = is_header || in_head_;
    cell.is_copy = column > 0;
    if (pending_.size() <= row.size()) pending_.resize(row.size() + 1);
    // Running text makes a layout table, whose copies are thrown away: none are made of it.
    pending_[row.size()] = {n_rows - 1, cell.text.size() > kLongCell ? "" : cell.text};
    row.push_back(std::move(cell));
  }
  row[first].content = std::move(content);
}

bool TableBuilder::is_layout() const {
  std::size_t widest = 0;
  for (const std::vector<Cell>& row : rows_) {
    std::size_t filled = 0;
    for (const Cell& cell : row) {
      if (!cell.text.empty()) ++filled;
      if (cell.text.size() > kLongCell) return true;
      for (const FlowBlock& part : cell.content) {
        const BlockKind kind = part.block.kind;
        if (kind == BlockKind::Heading || kind == BlockKind::Table || kind == BlockKind::Code) return true;
        if (kind == BlockKind::Question) return true;
      }
    }
    widest = std::max(widest, filled);
  }
  return widest < 2;
}

FlowBlock TableBuilder::as_data() const {
  FlowBlock out;
  out.block.kind = BlockKind::Table;
  const auto bold = [](const Cell& cell) { return cell.is_header || cell.text.empty(); };
  out.block.has_header = head_seen_ || std::all_of(rows_[0].begin(), rows_[0].end(), bold);
  for (const std::vector<Cell>& row : rows_) {
    std::string line;
    bool any = false;
    for (const Cell& cell : row) {
      if (&cell != row.data()) line += " | ";
      line += cell.text;
      any = any || (!cell.text.empty() && !cell.is_copy);
      for (const FlowBlock& part : cell.content) {
        out.link_bytes += part.link_bytes;
        out.n_links += part.n_links;
        out.n_inner_links += part.n_inner_links;
      }
    }
    if (!any) continue;
    if (!out.block.text.empty()) out.block.text += '\n';
    out.block.text += line;
  }
  return out;
}

std::vector<FlowBlock> TableBuilder::finish() {
  std::erase_if(rows_, [](const std::vector<Cell>& row) { return row.empty(); });
  std::vector<FlowBlock> out;
  if (rows_.empty()) return out;
  if (!is_layout()) {
    out.push_back(as_data());
    return out;
  }
  for (std::vector<Cell>& row : rows_) {
    for (Cell& cell : row) std::move(cell.content.begin(), cell.content.end(), std::back_inserter(out));
  }
  return out;
}

}  // namespace faqsmith
