// Tokenizer as tokenizer.h promises: repair, added tokens, the space before a text; the merging itself is TextModel's.
#include "text/tokenizer.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "text/added_tokens.h"
#include "text/text_model.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // ▁

std::unique_ptr<TextModel> make_model(const TokenizerSpec& spec, const TokenIndex& text) {
  return spec.model == "gpt2" ? make_byte_level_bpe(spec, text) : make_sentencepiece_bpe(spec, text);
}

void check_model(const TokenizerSpec& spec) {
  if (spec.model == "gpt2" || spec.model == "llama") return;
  throw Error(Kind::Input, "tokenizer.ggml.model " + quoted(spec.model) + " is not supported yet",
              "use a model with a byte-level BPE (\"gpt2\") or SentencePiece BPE (\"llama\") tokenizer");
}

bool begins_with_space(std::string_view text) {
  return text.starts_with(' ') || text.starts_with(kSpaceMark);
}

}  // namespace

struct Tokenizer::Impl {
  TokenizerSpec spec;
  TokenIndex controls;  // text -> id
  AddedTokens added;
  std::unique_ptr<TextModel> model;

  void index_added();
  [[nodiscard]] bool prefix_before(std::string_view stretch, TextPlace place, bool first) const;
  void encode_stretch(std::string_view stretch, bool prefix, std::vector<TokenId>& ids) const;
};

void Tokenizer::Impl::index_added() {
  std::vector<AddedTokens::Token> tokens;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    if (token_type(spec, i) != kUserDefinedToken) continue;
    const std::string& text = model->bytes()[i];
    if (text.size() > AddedTokens::kMaxBytes) {
      throw bad_tokenizer(fmt::format("the user-defined token {} has {} bytes, more than the {} allowed", i,
                                      text.size(), AddedTokens::kMaxBytes));
    }
    tokens.push_back({text, static_cast<TokenId>(i)});
  }
  added = AddedTokens(std::move(tokens));
}

// Text is not asked for here: its space is a part of the text in which added tokens are looked for.
bool Tokenizer::Impl::prefix_before(std::string_view stretch, TextPlace place, bool first) const {
  if (stretch.empty()) return false;
  const bool after_token = !first || place == TextPlace::AfterControl;
  if (first && place == TextPlace::Middle) return false;
  switch (spec.space_prefix) {
    case SpacePrefix::Each:
      return true;
    case SpacePrefix::EachIfMissing:
      return !begins_with_space(stretch);
    case SpacePrefix::FirstIfMissing:
      return !after_token && !begins_with_space(stretch);
    case SpacePrefix::None:
    case SpacePrefix::Text:
      break;
  }
  return false;
}

void Tokenizer::Impl::encode_stretch(std::string_view stretch, bool prefix, std::vector<TokenId>& ids) const {
  if (!prefix) return model->encode(stretch, ids);
  std::string spaced = " ";
  spaced += stretch;
  model->encode(spaced, ids);
}

Tokenizer::Tokenizer(TokenizerSpec spec) : impl_(std::make_unique<Impl>()) {
  check_model(spec);
  check_tokenizer_sizes(spec);
  impl_->spec = std::move(spec);
  TokenIndexes indexes = index_tokens(impl_->spec);
  impl_->controls = std::move(indexes.controls);
  impl_->model = make_model(impl_->spec, indexes.text);
  impl_->index_added();
}

Tokenizer::~Tokenizer() = default;

std::vector<TokenId> Tokenizer::encode(std::string_view raw, TextPlace place) const {
  std::string changed;
  if (!is_valid_utf8(raw)) {
    changed = repair_utf8(raw);
    raw = changed;
  }
  // SentencePiece looks for user-defined tokens in what it has normalised: with the space before, U+2581 as a space.
  const bool whole = impl_->spec.space_prefix == SpacePrefix::Text && !raw.empty() && place != TextPlace::Middle;
  if (whole) {
    changed = " " + replace_all(std::string(raw), kSpaceMark, " ");
    raw = changed;
  }
  std::vector<TokenId> ids;
  ids.reserve(raw.size() / 4 + 1);
  bool first = true;
  for (std::size_t at = 0; at < raw.size(); first = false) {
    const auto match = impl_->added.find(raw, at);
    const std::string_view stretch = raw.substr(at, (match ? match->begin : raw.size()) - at);
    impl_->encode_stretch(stretch, impl_->prefix_before(stretch, place, first), ids);
    if (match) ids.push_back(match->id);
    at = match ? match->end : raw.size();
  }
  return ids;
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string out;
  bool first = true;
  for (const TokenId id : ids) {
    out += first ? first_token_bytes(id) : token_bytes(id);
    first = false;
  }
  return is_valid_utf8(out) ? out : repair_utf8(out);
}

const std::string& Tokenizer::token_bytes(TokenId id) const {
  if (id < 0 || id >= vocab_size())
    throw Error(Kind::User, fmt::format("token id {} is outside the vocabulary of {} tokens", id, vocab_size()),
                "use ids that this model's tokenizer made");
  return impl_->model->bytes()[static_cast<std::size_t>(id)];
}

std::string_view Tokenizer::first_token_bytes(TokenId id) const {
  std::string_view bytes = token_bytes(id);
  const bool drops = impl_->spec.space_prefix != SpacePrefix::None && !is_control(id) && bytes.starts_with(' ');
  if (drops) bytes.remove_prefix(1);
  return bytes;
}

bool Tokenizer::is_control(TokenId id) const {
  return id >= 0 && id < vocab_size() && token_type(impl_->spec, static_cast<std::size_t>(id)) == kControlToken;
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
