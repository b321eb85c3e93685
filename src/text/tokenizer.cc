// Byte-level BPE as tokenizer.h promises. Words that are one token are answered from a table made at construction (only
// those that the merges really reach), everything else runs the merges.
#include "text/tokenizer.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

constexpr std::int32_t kNormal = 1, kControl = 3, kUserDefined = 4, kByte = 6;

using Vocabulary = std::unordered_map<std::string_view, TokenId>;

// GPT-2's alphabet: a printable character for every byte. Printable bytes stand for themselves, the rest for U+0100 on.
std::array<char32_t, 256> byte_alphabet() {
  std::array<char32_t, 256> out{};
  char32_t next = 0x100;
  for (std::size_t b = 0; b < out.size(); ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    out[b] = printable ? static_cast<char32_t>(b) : next++;
  }
  return out;
}

// The bytes that a token's letters stand for; a token with any other letter stands for its own text.
std::string bytes_of(const std::string& token, const std::unordered_map<char32_t, char>& byte_of) {
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    const CodePoint c = decode_utf8(token, at);
    const auto found = byte_of.find(c.value);
    if (!c.valid || found == byte_of.end()) return token;
    out.push_back(found->second);
    at += c.n_bytes;
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string shown = repair_utf8(text.substr(0, 40));
  return "\"" + shown + (text.size() > 40 ? "…\"" : "\"");
}

Error bad(const std::string& what) {
  return Error(Kind::Input, "tokenizer: " + what,
               "the model file is broken or of an unknown kind: fetch it again or use another");
}

Digits digits_rule(const TokenizerSpec& spec) {
  if (spec.model != "gpt2")
    throw Error(Kind::Input, "tokenizer.ggml.model " + quoted(spec.model) + " is not supported yet",
                "use a model with a byte-level BPE tokenizer (\"gpt2\")");
  if (spec.pre == "smollm") return Digits::Apart;
  if (spec.pre == "gpt-2") return Digits::Together;
  throw Error(Kind::Input, "tokenizer.ggml.pre " + quoted(spec.pre) + " is not supported yet",
              "use a model with the pre-tokenisation \"smollm\" or \"gpt-2\"");
}

void check_sizes(const TokenizerSpec& spec) {
  const std::size_t n = spec.tokens.size();
  if (n == 0) throw bad("tokenizer.ggml.tokens is empty");
  if (n > static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
    throw bad(fmt::format("tokenizer.ggml.tokens has {} entries, more than ids can count", n));
  if (spec.merges.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw bad(fmt::format("tokenizer.ggml.merges has {} entries, more than ranks can count", spec.merges.size()));
  if (!spec.token_types.empty() && spec.token_types.size() != n)
    throw bad(fmt::format("tokenizer.ggml.token_type has {} entries for {} tokens", spec.token_types.size(), n));
  const auto check_id = [&](const char* field, TokenId id) {
    if (id < -1 || id >= static_cast<TokenId>(n))
      throw bad(fmt::format("tokenizer.ggml.{} is {}, outside the {} tokens", field, id, n));
  };
  check_id("bos_token_id", spec.bos);
  check_id("eos_token_id", spec.eos);
  check_id("unknown_token_id", spec.unknown);
  check_id("padding_token_id", spec.pad);
  if (spec.add_bos && spec.bos < 0) throw bad("tokenizer.ggml.add_bos_token is set but there is no bos_token_id");
}

}  // namespace

struct Tokenizer::Impl {
  TokenizerSpec spec;
  Digits digits = Digits::Apart;
  std::vector<std::string> bytes;         // by id
  std::array<TokenId, 256> byte_token{};  // -1: this vocabulary cannot say the byte
  Bpe bpe;
  std::unordered_map<std::string_view, TokenId> whole_words;  // bytes -> id, where merging those bytes gives that id
  std::unordered_map<std::string_view, TokenId> controls;     // text -> id

  [[nodiscard]] std::int32_t type(std::size_t id) const {
    return spec.token_types.empty() ? kNormal : spec.token_types[id];
  }
  [[nodiscard]] Vocabulary index_tokens();
  [[nodiscard]] std::vector<Merge> parse_merges(const Vocabulary& vocabulary) const;
  void index_bytes(const Vocabulary& vocabulary);
  void index_whole_words(const Vocabulary& vocabulary);
  void merge_word(std::string_view word, std::vector<TokenId>& symbols) const;
};

// Text tokens by their letters; control tokens are kept apart so that no text can reach them.
Vocabulary Tokenizer::Impl::index_tokens() {
  Vocabulary all, vocabulary;
  all.reserve(spec.tokens.size());
  vocabulary.reserve(spec.tokens.size());
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    const std::string& token = spec.tokens[i];
    const auto id = static_cast<TokenId>(i);
    if (token.empty()) throw bad(fmt::format("token {} is empty", i));
    if (const auto [first, fresh] = all.emplace(token, id); !fresh)
      throw bad(fmt::format("tokens {} and {} are both {}", first->second, i, quoted(token)));
    if (type(i) == kUserDefined)
      throw Error(Kind::Input,
                  fmt::format("tokenizer: token {} ({}) is user-defined, which is not supported yet", i, quoted(token)),
                  "use a model whose tokens are normal and control tokens only");
    if (type(i) == kControl) controls.emplace(token, id);
    if (type(i) == kNormal || type(i) == kByte) vocabulary.emplace(token, id);
  }
  return vocabulary;
}

std::vector<Merge> Tokenizer::Impl::parse_merges(const Vocabulary& vocabulary) const {
  std::vector<Merge> merges;
  merges.reserve(spec.merges.size());
  std::unordered_map<std::string_view, std::size_t> seen;
  seen.reserve(spec.merges.size());
  for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const std::string_view text = spec.merges[rank];
    if (const auto [first, fresh] = seen.emplace(text, rank); !fresh)
      throw bad(fmt::format("merges {} and {} are both {}", first->second, rank, quoted(text)));
    const std::size_t space = text.find(' ');
    if (space == 0 || space == std::string_view::npos || space + 1 == text.size() ||
        text.find(' ', space + 1) != text.npos)
      throw bad(fmt::format("merge {} ({}) is not two parts with a space between", rank, quoted(text)));
    const auto id = [&](std::string_view part) {
      const auto found = vocabulary.find(part);
      if (found == vocabulary.end())
        throw bad(fmt::format("merge {} ({}) needs {}, which is no text token", rank, quoted(text), quoted(part)));
      return found->second;
    };
    const std::string joined = std::string(text.substr(0, space)).append(text.substr(space + 1));
    merges.push_back({.left = id(text.substr(0, space)), .right = id(text.substr(space + 1)), .joined = id(joined)});
  }
  return merges;
}

void Tokenizer::Impl::index_bytes(const Vocabulary& vocabulary) {
  const std::array<char32_t, 256> alphabet = byte_alphabet();
  std::unordered_map<char32_t, char> byte_of;
  for (std::size_t b = 0; b < alphabet.size(); ++b) {
    byte_of.emplace(alphabet[b], static_cast<char>(b));
    std::string letter;
    append_utf8(letter, alphabet[b]);
    const auto found = vocabulary.find(letter);
    byte_token[b] = found == vocabulary.end() ? -1 : found->second;
  }
  bytes.reserve(spec.tokens.size());
  for (std::size_t i = 0; i < spec.tokens.size(); ++i)
    bytes.push_back(type(i) == kControl ? spec.tokens[i] : bytes_of(spec.tokens[i], byte_of));
}

void Tokenizer::Impl::index_whole_words(const Vocabulary& vocabulary) {
  whole_words.reserve(vocabulary.size());
  std::vector<TokenId> symbols;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!vocabulary.contains(spec.tokens[i])) continue;
    merge_word(bytes[i], symbols);
    if (symbols.size() == 1 && symbols[0] == static_cast<TokenId>(i)) whole_words.emplace(bytes[i], symbols[0]);
  }
}

void Tokenizer::Impl::merge_word(std::string_view word, std::vector<TokenId>& symbols) const {
  symbols.clear();
  for (const char c : word) {
    // A byte without a token is left out, as the reference does for a vocabulary without an unknown token.
    const TokenId id = byte_token[static_cast<unsigned char>(c)];
    if (id >= 0) symbols.push_back(id);
  }
  bpe.merge(symbols);
}

Tokenizer::Tokenizer(TokenizerSpec spec) : impl_(std::make_unique<Impl>()) {
  impl_->digits = digits_rule(spec);
  check_sizes(spec);
  impl_->spec = std::move(spec);
  const Vocabulary vocabulary = impl_->index_tokens();
  impl_->bpe = Bpe(impl_->parse_merges(vocabulary));
  impl_->index_bytes(vocabulary);
  impl_->index_whole_words(vocabulary);
}

Tokenizer::~Tokenizer() = default;

std::vector<TokenId> Tokenizer::encode(std::string_view raw) const {
  std::string repaired;
  if (!is_valid_utf8(raw)) {
    repaired = repair_utf8(raw);
    raw = repaired;
  }
  std::vector<TokenId> ids, symbols;
  ids.reserve(raw.size() / 4 + 1);
  for (std::size_t at = 0; at < raw.size();) {
    const std::size_t end = next_word_end(raw, at, impl_->digits);
    const std::string_view word = raw.substr(at, end - at);
    if (const auto found = impl_->whole_words.find(word); found != impl_->whole_words.end()) {
      ids.push_back(found->second);
    } else {
      impl_->merge_word(word, symbols);
      ids.insert(ids.end(), symbols.begin(), symbols.end());
    }
    at = end;
  }
  return ids;
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string out;
  for (const TokenId id : ids) out += token_bytes(id);
  return is_valid_utf8(out) ? out : repair_utf8(out);
}

const std::string& Tokenizer::token_bytes(TokenId id) const {
  if (id < 0 || id >= vocab_size())
    throw Error(Kind::User, fmt::format("token id {} is outside the vocabulary of {} tokens", id, vocab_size()),
                "use ids that this model's tokenizer made");
  return impl_->bytes[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_control(TokenId id) const {
  return id >= 0 && id < vocab_size() && impl_->type(static_cast<std::size_t>(id)) == kControl;
}

TokenId Tokenizer::control_id(std::string_view text) const {
  const auto found = impl_->controls.find(text);
  if (found == impl_->controls.end())
    throw Error(Kind::Input, "the model's vocabulary has no control token " + quoted(text),
                "use a chat model, one whose vocabulary and chat template belong together");
  return found->second;
}

TokenId Tokenizer::vocab_size() const {
  return static_cast<TokenId>(impl_->spec.tokens.size());
}
TokenId Tokenizer::eos() const {
  return impl_->spec.eos;
}
const TokenizerSpec& Tokenizer::spec() const {
  return impl_->spec;
}

}  // namespace faqsmith
