// A pack: whole sequences side by side in one row of tokens, without padding. Attention never crosses a sequence's
// border (see AttentionOp), positions restart, and only rows that carry a label reach the LM head.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace faqsmith {

struct Pack {
  std::vector<TokenId> tokens;          // [n_tokens]
  std::vector<std::int32_t> positions;  // [n_tokens], 0-based inside each sequence
  std::vector<std::int32_t> starts;     // [n_sequences + 1] cumulative lengths: first 0, last n_tokens
  std::vector<std::int32_t> rows;       // [n_labelled] ascending: the rows whose next token is trained
  std::vector<TokenId> labels;          // [n_labelled] that next token

  [[nodiscard]] std::int64_t n_tokens() const { return static_cast<std::int64_t>(tokens.size()); }
  [[nodiscard]] std::int64_t n_labelled() const { return static_cast<std::int64_t>(rows.size()); }
  [[nodiscard]] std::int64_t n_sequences() const { return static_cast<std::int64_t>(starts.size()) - 1; }
};

// Appends one sequence; trained[i] says that ids[i] is to be predicted (by the row before it; ids[0] never is).
void append_sequence(Pack& pack, std::span<const TokenId> ids, const std::vector<bool>& trained);

}  // namespace faqsmith
