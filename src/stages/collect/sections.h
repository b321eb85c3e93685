// Cuts a document into sections: what one request to a teacher will see. Along headings first, then by size in the
// teacher's tokens; never inside a sentence. A heading that asks a question keeps its answer to itself.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/document.h"

namespace faqsmith {

using TokenCounter = std::function<int(std::string_view)>;

struct CutOptions {
  int max_tokens = 350;  // a larger passage is split between paragraphs, then sentences, then table rows; a line that
                         // introduces a table or code stays with it, and may add its own length
  int min_tokens = 40;   // smaller neighbours under one parent heading are joined
};

struct CutSection {
  std::vector<std::string> heading_path;      // outermost first
  std::string text;                           // see store/schema.sql, sections.text
  int page = 0;                               // of its first block; 0: no pages
  std::int64_t begin_byte = 0, end_byte = 0;  // in Document::plain_text()
  int n_tokens = 0;
};

[[nodiscard]] std::vector<CutSection> cut_sections(const Document& document, const CutOptions& options,
                                                   const TokenCounter& count_tokens);

}  // namespace faqsmith
