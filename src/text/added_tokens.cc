// A sorted list stands for the trie: each further byte narrows the range of tokens that agree so far.
#include "text/added_tokens.h"

#include <algorithm>

namespace faqsmith {

AddedTokens::AddedTokens(std::vector<Token> tokens) : tokens_(std::move(tokens)), begins_with_(256) {
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) { return a.text < b.text; });
  for (const Token& token : tokens_) begins_with_[static_cast<unsigned char>(token.text[0])] = true;
}

std::optional<AddedTokens::Match> AddedTokens::longest_at(std::string_view text, std::size_t at) const {
  std::optional<Match> best;
  auto first = tokens_.begin(), last = tokens_.end();
  for (std::size_t depth = 0; at + depth < text.size(); ++depth) {
    // In [first, last) all tokens begin with text[at, at + depth); one that ends there sorts before the others.
    const auto byte_at = [depth](const Token& token) {
      return token.text.size() > depth ? static_cast<int>(static_cast<unsigned char>(token.text[depth])) : -1;
    };
    const int byte = static_cast<unsigned char>(text[at + depth]);
    first = std::lower_bound(first, last, byte, [&](const Token& token, int b) { return byte_at(token) < b; });
    last = std::upper_bound(first, last, byte, [&](int b, const Token& token) { return b < byte_at(token); });
    if (first == last) break;
    if (first->text.size() == depth + 1) best = Match{at, at + depth + 1, first->id};
  }
  return best;
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  if (tokens_.empty()) return std::nullopt;
  for (std::size_t at = from; at < text.size(); ++at) {
    if (!begins_with_[static_cast<unsigned char>(text[at])]) continue;
    if (const auto match = longest_at(text, at)) return match;
  }
  return std::nullopt;
}

}  // namespace faqsmith
