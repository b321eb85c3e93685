// tokenizer.model: SentencePiece BPE with byte fallback, as Llama 1 and 2, Code Llama and Mistral publish it.
#include <fmt/format.h>

#include "formats/sentencepiece.h"
#include "model/tokenizer_parts.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;  // the largest published has 5 MB

constexpr const char* kTypeNames[] = {"", "unigram", "BPE", "word", "character"};

void check_settings(const SentencePieceModel& model, const TokenizerFile& file) {
  const auto unsupported = [&](const std::string& what) { file.refuse_unsupported("", what); };
  if (model.type != SentencePieceModel::Type::Bpe)
    unsupported(fmt::format("a {} model", kTypeNames[static_cast<std::size_t>(model.type)]));
  if (!model.byte_fallback) unsupported("a model without byte fallback");
  if (model.whitespace_as_suffix) unsupported("\"treat_whitespace_as_suffix\"");
  if (model.maps_characters) unsupported(fmt::format("the normalisation \"{}\"", model.normalizer));
  if (model.maps_characters_back) unsupported("a denormalizer");
  if (model.remove_extra_whitespaces) unsupported("\"remove_extra_whitespaces\"");
  if (!model.escape_whitespaces) unsupported("a model without \"escape_whitespaces\"");
}

}  // namespace

TokenizerSpec read_tokenizer_model(const fs::path& path) {
  const TokenizerFile file(path);
  const std::string bytes = read_file(path, kMaxBytes);
  // Meta publishes Llama 3's vocabulary under the same name: lines of base64 and a rank.
  if (bytes.starts_with("IQ== 0\n"))
    file.refuse_unsupported("", "a tiktoken vocabulary (its tokenizer.json is supported)");
  SentencePieceModel model = parse_sentencepiece(bytes, path.string());
  check_settings(model, file);
  TokenizerSpec spec;
  spec.model = "llama";
  spec.space_prefix = model.add_dummy_prefix ? SpacePrefix::Text : SpacePrefix::None;
  spec.add_bos = true;  // what Llama's and Mistral's own code does
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    SentencePiece& piece = model.pieces[i];
    if (piece.type == kUnusedToken) file.refuse_unsupported(fmt::format("piece {}", i), "an unused piece");
    const bool role = piece.type == kControlToken || piece.type == kUnknownToken;
    const auto id = static_cast<TokenId>(i);
    if (role && piece.text == model.unknown_piece) spec.unknown = id;
    if (role && piece.text == model.bos_piece) spec.bos = id;
    if (role && piece.text == model.eos_piece) spec.eos = id;
    if (role && piece.text == model.pad_piece) spec.pad = id;
    spec.tokens.push_back(std::move(piece.text));
    spec.token_types.push_back(piece.type);
    spec.scores.push_back(piece.score);
  }
  if (spec.bos < 0) spec.add_bos = false;
  return spec;
}

}  // namespace faqsmith
