// A grammar applied to tokens, within a token budget: the text can always be closed with the tokens that remain.
// One object a request; not thread-safe.
#pragma once
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "infer/grammar.h"
#include "text/tokenizer.h"

namespace faqsmith {

// The token of each single byte: what finishes a character that was cut between two tokens. Built once a tokenizer.
class ByteTokens {
 public:
  explicit ByteTokens(const Tokenizer& tokenizer);
  // Exact tokens of bytes that may begin inside a UTF-8 character; nullopt if the vocabulary lacks one of those bytes.
  [[nodiscard]] std::optional<std::vector<TokenId>> encode(std::string_view bytes) const;

 private:
  const Tokenizer& tokenizer_;
  std::array<TokenId, 256> token_;
};

class TokenConstraint {
 public:
  // budget: tokens that may be generated. Throws Error(User) if even the shortest text needs more.
  // Keeps references to the tokenizer and the byte tokens.
  TokenConstraint(std::shared_ptr<const Grammar> grammar, const Tokenizer& tokenizer, const ByteTokens& bytes,
                  TokenId end_of_turn, int budget);

  // Would this token keep the text inside the grammar, closable within the budget? The end-of-turn token is accepted
  // where the text may end.
  [[nodiscard]] bool accepts(TokenId id) const;
  void take(TokenId id);  // an accepted or forced token
  // The text is whole and nothing can follow: generation ends without an end-of-turn token.
  [[nodiscard]] bool finished() const { return state_.must_end(); }
  // The next token when the budget leaves one way only; generation must take it.
  [[nodiscard]] std::optional<TokenId> forced() const;
  // Writes -inf for every token that is not accepted.
  void mask(std::span<float> logits) const;
  // Called when no token is accepted: from here on the closing text is forced.
  void force_closing();

 private:
  [[nodiscard]] bool fits(const GrammarState& state, int tokens_left) const;
  [[nodiscard]] std::string_view bytes_of(TokenId id) const;  // what the token would add to the text

  std::shared_ptr<const Grammar> grammar_;
  const Tokenizer& tokenizer_;
  const ByteTokens& byte_tokens_;
  TokenId end_of_turn_;
  int left_;
  bool first_ = true;  // no token is taken yet
  GrammarState state_;
  std::deque<TokenId> forced_;
};

}  // namespace faqsmith
