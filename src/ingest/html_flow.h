// The blocks of an HTML page while it is read, before boilerplate is told from text: each with what its links say about
// it.
#pragma once
#include <string>
#include <vector>

#include "ingest/document.h"

namespace faqsmith {

struct FlowBlock {
  Block block;
  std::size_t link_bytes = 0;  // of the text that stand inside links
  int n_links = 0;
  int n_inner_links = 0;  // that stay inside the document ("#…")
};

// Marks lists of nothing but links, previous/next lines and tables of contents by emptying their text, and counts them.
void drop_link_lists(std::vector<FlowBlock>& flow, DocumentBuilder& builder);

// Rows of cells while a table is read, of HTML or of another format.
class TableBuilder {
 public:
  void begin_row();
  // Repeats a cell over colspan columns and rowspan rows (both capped).
  void add_cell(std::vector<FlowBlock> content, int colspan, int rowspan, bool is_header);
  void begin_head() { in_head_ = true; }
  void end_head() { in_head_ = false; }
  // One Table block if the table holds data; the cells' blocks one after the other if it only lays out the page.
  [[nodiscard]] std::vector<FlowBlock> finish();

 private:
  struct Cell {
    std::vector<FlowBlock> content;
    std::string text;
    bool is_header = false;
    bool is_copy = false;  // made by a span
  };
  struct Pending {  // a rowspan that reaches into rows to come
    int rows_left = 0;
    std::string text;
  };
  void fill_pending();
  [[nodiscard]] bool is_layout() const;
  [[nodiscard]] FlowBlock as_data() const;
  std::vector<std::vector<Cell>> rows_;
  std::vector<Pending> pending_;  // by column
  bool in_head_ = false;
  bool head_seen_ = false;
};

}  // namespace faqsmith
