// SentencePiece's model file (tokenizer.model): the pieces and the settings that decide how text is cut. The file is a
// protocol buffer; only its wire format is read here, so that a hostile file meets no other parser. Promise: every
// length is checked against the bytes that remain; what does not hold together is refused with file, byte and reason.
// Sources: sentencepiece_model.proto; the protocol buffers' encoding specification.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

struct SentencePiece {
  std::string text;
  float score = 0;
  std::int32_t type = 1;  // 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte
};

struct SentencePieceModel {
  enum class Type : std::uint64_t { Unigram = 1, Bpe = 2, Word = 3, Char = 4 };
  std::vector<SentencePiece> pieces;  // by id
  Type type = Type::Unigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string unknown_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";
  // Normalisation.
  std::string normalizer;             // its name, e.g. "identity", "nmt_nfkc"
  bool maps_characters = false;       // a table that replaces characters is in the file
  bool maps_characters_back = false;  // the same for decoding
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

// Throws Error(Input). file: the name that errors show.
[[nodiscard]] SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file);

}  // namespace faqsmith
