// Tokens that are found in a text as they stand, before any merge: the longest at the leftmost place, as Hugging Face's
// and SentencePiece's matchers do. Immutable after construction. Finding all in a text takes O(n · longest token).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace faqsmith {

class AddedTokens {
 public:
  static constexpr std::size_t kMaxBytes = 256;  // of one token: bounds the cost of hostile files

  struct Token {
    std::string text;
    TokenId id = -1;
  };
  struct Match {
    std::size_t begin = 0, end = 0;  // bytes
    TokenId id = -1;
  };
  AddedTokens() = default;
  explicit AddedTokens(std::vector<Token> tokens);  // none empty; of equal texts the first counts
  [[nodiscard]] bool empty() const { return tokens_.empty(); }
  [[nodiscard]] std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  [[nodiscard]] std::optional<Match> longest_at(std::string_view text, std::size_t at) const;
  std::vector<Token> tokens_;      // sorted by text
  std::vector<bool> begins_with_;  // by first byte
};

}  // namespace faqsmith
