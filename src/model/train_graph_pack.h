// A pack: whole sequences side by side in one row of tokens, without padding. Attention never crosses a sequence's
// border (see AttentionOp), positions restart, and only rows that carry a label reach the LM head. Tokens that all its
// sequences begin with (the system prompt) may stand in it once: the result is the same, the work is less.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace faqsmith {

struct Pack {
  std::vector<TokenId> tokens;          // [n_tokens]
  std::vector<std::int32_t> positions;  // [n_tokens], 0-based inside each sequence
  // [n_sequences + 1] rising: sequence s owns the tokens [starts[s], starts[s + 1]); the first starts[0] belong to all.
  std::vector<std::int32_t> starts;
  std::vector<std::int32_t> rows;  // [n_labelled] ascending: the rows whose next token is trained
  std::vector<TokenId> labels;     // [n_labelled] that next token
  std::vector<float> weights;      // [n_labelled] of its loss: 1 on answers

  [[nodiscard]] std::int64_t n_tokens() const { return static_cast<std::int64_t>(tokens.size()); }
  [[nodiscard]] std::int64_t n_labelled() const { return static_cast<std::int64_t>(rows.size()); }
  [[nodiscard]] double total_weight() const;  // what a sum of losses is divided by
  [[nodiscard]] std::int64_t n_sequences() const { return static_cast<std::int64_t>(starts.size()) - 1; }
  [[nodiscard]] std::int64_t n_shared() const { return starts.empty() ? 0 : starts.front(); }
  // What the sequences have together, shared tokens counted in each of them.
  [[nodiscard]] std::int64_t n_sequence_tokens() const { return n_tokens() + (n_sequences() - 1) * n_shared(); }
};

// How many tokens two sequences can share: what both begin with, short of the first row that carries a label (the same
// row would need two) and of a whole sequence. shared: how many the first has left to share, at most ids.size() - 1.
[[nodiscard]] std::int64_t shared_tokens(std::span<const TokenId> first, std::int64_t shared,
                                         std::span<const TokenId> ids, std::span<const float> weights);
// Begins an empty pack whose sequences all begin with these tokens; none of them may carry a label there.
void begin_shared(Pack& pack, std::span<const TokenId> tokens);
// Appends one sequence; weights[i] is the weight of predicting ids[i] from the row before it, 0 = no label; ids[0]
// never has one.
void append_sequence(Pack& pack, std::span<const TokenId> ids, std::span<const float> weights);
// trained[i]: weight 1 or 0.
void append_sequence(Pack& pack, std::span<const TokenId> ids, const std::vector<bool>& trained);

}  // namespace faqsmith
