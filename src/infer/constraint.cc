// The closing text is encoded by the tokenizer itself, so its token count is exact.
#include "infer/constraint.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "base/error.h"

namespace faqsmith {

ByteTokens::ByteTokens(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  token_.fill(-1);
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string& bytes = tokenizer.token_bytes(id);
    if (bytes.size() == 1 && !tokenizer.is_control(id)) token_[static_cast<std::uint8_t>(bytes[0])] = id;
  }
}

std::optional<std::vector<TokenId>> ByteTokens::encode(std::string_view bytes) const {
  std::vector<TokenId> ids;
  for (; !bytes.empty() && (static_cast<std::uint8_t>(bytes[0]) & 0xC0) == 0x80; bytes.remove_prefix(1)) {
    ids.push_back(token_[static_cast<std::uint8_t>(bytes[0])]);
    if (ids.back() < 0) return std::nullopt;
  }
  std::size_t encoded = 0;
  for (TokenId id : tokenizer_.encode(bytes, TextPlace::Middle)) {
    ids.push_back(id);
    encoded += tokenizer_.token_bytes(id).size();
  }
  if (encoded != bytes.size()) return std::nullopt;  // the tokenizer leaves out bytes that it has no token for
  return ids;
}

TokenConstraint::TokenConstraint(std::shared_ptr<const Grammar> grammar, const Tokenizer& tokenizer,
                                 const ByteTokens& bytes, TokenId end_of_turn, int budget)
    : grammar_(std::move(grammar)),
      tokenizer_(tokenizer),
      byte_tokens_(bytes),
      end_of_turn_(end_of_turn),
      left_(budget),
      state_(*grammar_) {
  const auto shortest = byte_tokens_.encode(state_.closing());
  if (!shortest)
    throw Error(Kind::Input, "the model's vocabulary cannot write the text that the schema or pattern demands",
                "use another model");
  if (budget < 0 || static_cast<std::size_t>(budget) < shortest->size()) {
    throw Error(Kind::User,
                fmt::format("the schema or pattern needs at least {} tokens, {} are allowed", shortest->size(), budget),
                "raise max_tokens");
  }
}

bool TokenConstraint::fits(const GrammarState& state, int tokens_left) const {
  const std::string closing = state.closing();
  // A token stands for at least one byte, so far from the limit nothing need be encoded.
  const bool cut_character = !closing.empty() && (static_cast<std::uint8_t>(closing[0]) & 0xC0) == 0x80;
  if (!cut_character && closing.size() <= static_cast<std::size_t>(tokens_left)) return true;
  const auto ids = byte_tokens_.encode(closing);
  return ids && ids->size() <= static_cast<std::size_t>(tokens_left);
}

std::string_view TokenConstraint::bytes_of(TokenId id) const {
  return first_ ? tokenizer_.first_token_bytes(id) : std::string_view(tokenizer_.token_bytes(id));
}

bool TokenConstraint::accepts(TokenId id) const {
  if (id == end_of_turn_) return state_.may_end();
  if (tokenizer_.is_control(id)) return false;
  const std::string_view bytes = bytes_of(id);
  if (bytes.empty()) return false;
  GrammarState next = state_;
  return next.advance(bytes) && fits(next, left_ - 1);
}

void TokenConstraint::take(TokenId id) {
  --left_;
  if (!forced_.empty() && forced_.front() == id) forced_.pop_front();
  if (id == end_of_turn_) return;
  require(state_.advance(bytes_of(id)), "only accepted tokens are taken");
  first_ = false;
  // When exactly the closing fits, one way is left: follow it, whatever the model thinks.
  if (forced_.empty() && !state_.may_end() && !fits(state_, left_ - 1)) force_closing();
}

std::optional<TokenId> TokenConstraint::forced() const {
  if (forced_.empty()) return std::nullopt;
  return forced_.front();
}

void TokenConstraint::mask(std::span<float> logits) const {
  std::array<bool, 256> first{};
  for (int byte = 0; byte < 256; ++byte) {
    GrammarState next = state_;
    const char c = static_cast<char>(byte);
    first[static_cast<std::size_t>(byte)] = next.advance({&c, 1});
  }
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const bool in_vocabulary = id < tokenizer_.vocab_size();
    const std::string_view bytes = in_vocabulary ? bytes_of(id) : std::string_view();
    const bool may_start = id == end_of_turn_ || (!bytes.empty() && first[static_cast<std::uint8_t>(bytes[0])]);
    if (!may_start || !accepts(id)) logits[i] = -std::numeric_limits<float>::infinity();
  }
}

void TokenConstraint::force_closing() {
  const auto ids = byte_tokens_.encode(state_.closing());
  require(ids && ids->size() <= static_cast<std::size_t>(left_), "the closing text fits the remaining tokens");
  forced_.assign(ids->begin(), ids->end());
}

}  // namespace faqsmith
