// What both kinds of BPE need of a vocabulary: text tokens by their letters, merges as ids, and the one way in which a
// broken vocabulary is refused. Views point into the TokenizerSpec, which must stay where it is.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "text/bpe.h"
#include "text/tokenizer.h"

namespace faqsmith {

using TokenIndex = std::unordered_map<std::string_view, TokenId>;

[[nodiscard]] std::string quoted(std::string_view text);  // at most 40 bytes of it
[[nodiscard]] Error bad_tokenizer(const std::string& what);

[[nodiscard]] std::int32_t token_type(const TokenizerSpec& spec, std::size_t id);

// Sizes and special ids; throws Error(Input).
void check_tokenizer_sizes(const TokenizerSpec& spec);

struct TokenIndexes {
  TokenIndex text;      // tokens that merges may make
  TokenIndex controls;  // kept apart so that no text can reach them
};
// Throws Error(Input) for an empty token and for one that is there twice.
[[nodiscard]] TokenIndexes index_tokens(const TokenizerSpec& spec);

// How a merge is met whose parts are text but whose result is none (a control token's spelling).
enum class JoinsNoText { Refuse, LeaveOut };
// Throws Error(Input) naming the rank.
[[nodiscard]] std::vector<Merge> parse_merges(const TokenizerSpec& spec, const TokenIndex& text, JoinsNoText rule);

}  // namespace faqsmith
