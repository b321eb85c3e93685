// Checks come before use: every id and merge that leaves this file is one of the vocabulary.
#include "text/token_index.h"

#include <fmt/format.h>

#include <limits>

#include "text/utf8.h"

namespace faqsmith {

std::string quoted(std::string_view text) {
  std::string shown = repair_utf8(text.substr(0, 40));
  return "\"" + shown + (text.size() > 40 ? "…\"" : "\"");
}

Error bad_tokenizer(const std::string& what) {
  return Error(Kind::Input, "tokenizer: " + what,
               "the model file is broken or of an unknown kind: fetch it again or use another");
}

std::int32_t token_type(const TokenizerSpec& spec, std::size_t id) {
  return spec.token_types.empty() ? kNormalToken : spec.token_types[id];
}

void check_tokenizer_sizes(const TokenizerSpec& spec) {
  const std::size_t n = spec.tokens.size();
  if (n == 0) throw bad_tokenizer("tokenizer.ggml.tokens is empty");
  if (n > static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
    throw bad_tokenizer(fmt::format("tokenizer.ggml.tokens has {} entries, more than ids can count", n));
  if (spec.merges.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw bad_tokenizer(
        fmt::format("tokenizer.ggml.merges has {} entries, more than ranks can count", spec.merges.size()));
  }
  if (!spec.token_types.empty() && spec.token_types.size() != n)
    throw bad_tokenizer(
        fmt::format("tokenizer.ggml.token_type has {} entries for {} tokens", spec.token_types.size(), n));
  const auto check_id = [&](const char* field, TokenId id) {
    if (id < -1 || id >= static_cast<TokenId>(n))
      throw bad_tokenizer(fmt::format("tokenizer.ggml.{} is {}, outside the {} tokens", field, id, n));
  };
  check_id("bos_token_id", spec.bos);
  check_id("eos_token_id", spec.eos);
  check_id("unknown_token_id", spec.unknown);
  check_id("padding_token_id", spec.pad);
  for (const TokenId id : spec.more_eos) check_id("eos_token_id (one of several)", id);
  if (spec.add_bos && spec.bos < 0)
    throw bad_tokenizer("tokenizer.ggml.add_bos_token is set but there is no bos_token_id");
  if (spec.add_eos && spec.eos < 0)
    throw bad_tokenizer("tokenizer.ggml.add_eos_token is set but there is no eos_token_id");
}

TokenIndexes index_tokens(const TokenizerSpec& spec) {
  TokenIndex all;
  TokenIndexes out;
  all.reserve(spec.tokens.size());
  out.text.reserve(spec.tokens.size());
  const bool bytes_are_text = spec.model == "gpt2";  // SentencePiece's byte tokens have names that no text may reach
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    const std::string& token = spec.tokens[i];
    const auto id = static_cast<TokenId>(i);
    if (token.empty()) throw bad_tokenizer(fmt::format("token {} is empty", i));
    if (const auto [first, fresh] = all.emplace(token, id); !fresh)
      throw bad_tokenizer(fmt::format("tokens {} and {} are both {}", first->second, i, quoted(token)));
    const std::int32_t type = token_type(spec, i);
    if (type == kControlToken) out.controls.emplace(token, id);
    if (type == kNormalToken || type == kUserDefinedToken || (type == kByteToken && bytes_are_text))
      out.text.emplace(token, id);
  }
  return out;
}

std::vector<Merge> parse_merges(const TokenizerSpec& spec, const TokenIndex& text, JoinsNoText rule) {
  std::vector<Merge> merges;
  merges.reserve(spec.merges.size());
  std::unordered_map<std::string_view, std::size_t> seen;
  seen.reserve(spec.merges.size());
  for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const std::string_view merge = spec.merges[rank];
    if (const auto [first, fresh] = seen.emplace(merge, rank); !fresh)
      throw bad_tokenizer(fmt::format("merges {} and {} are both {}", first->second, rank, quoted(merge)));
    const std::size_t space = merge.find(' ');
    if (space == 0 || space == std::string_view::npos || space + 1 == merge.size() ||
        merge.find(' ', space + 1) != std::string_view::npos)
      throw bad_tokenizer(fmt::format("merge {} ({}) is not two parts with a space between", rank, quoted(merge)));
    const auto refuse = [&](std::string_view part) {
      return bad_tokenizer(
          fmt::format("merge {} ({}) needs {}, which is no text token", rank, quoted(merge), quoted(part)));
    };
    const auto id = [&](std::string_view part) {
      const auto found = text.find(part);
      if (found == text.end()) throw refuse(part);
      return found->second;
    };
    const Merge parts = {.left = id(merge.substr(0, space)), .right = id(merge.substr(space + 1))};
    const std::string joined = std::string(merge.substr(0, space)).append(merge.substr(space + 1));
    const auto found = text.find(joined);
    if (found == text.end() && rule == JoinsNoText::Refuse) throw refuse(joined);
    if (found != text.end()) merges.push_back({parts.left, parts.right, found->second});
  }
  return merges;
}

}  // namespace faqsmith
