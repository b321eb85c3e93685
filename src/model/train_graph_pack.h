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
  std::vector<float> weights;           // [n_labelled] of its loss: 1 on answers

  [[nodiscard]] std::int64_t n_tokens() const { return static_cast<std::int64_t>(tokens.size()); }
  [[nodiscard]] std::int64_t n_labelled() const { return static_cast<std::int64_t>(rows.size()); }
  [[nodiscard]] double total_weight() const;  // what a sum of losses is divided by
  [[nodiscard]] std::int64_t n_sequences() const { return static_cast<std::int64_t>(starts.size()) - 1; }
};

// Appends one sequence; weights[i] is the weight of predicting ids[i] from the row before it, 0 = no label; ids[0]
// never has one.
void append_sequence(Pack& pack, std::span<const TokenId> ids, std::span<const float> weights);
// trained[i]: weight 1 or 0.
void append_sequence(Pack& pack, std::span<const TokenId> ids, const std::vector<bool>& trained);

}  // namespace faqsmith
