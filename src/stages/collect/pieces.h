// The parts of a section's text that may not be cut further: a paragraph, a list item, a table with its header, a
// sentence.
#pragma once
#include <string>
#include <vector>

#include "stages/collect/sections.h"

namespace faqsmith {

struct Piece {
  std::string text;
  std::string_view glue = "\n\n";  // between it and the piece before it
  int page = 0;
  std::int64_t begin_byte = 0, end_byte = 0;
  int n_tokens = 0;
  bool introduces = false;  // ends with ":": belongs to what follows
};

// Blocks of one heading as pieces of at most max_tokens each (a single longer sentence or table row stays whole).
[[nodiscard]] std::vector<Piece> make_pieces(const std::vector<Block>& blocks, int max_tokens,
                                             const TokenCounter& count_tokens);

}  // namespace faqsmith
