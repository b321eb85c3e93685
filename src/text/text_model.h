// What the two kinds of BPE have in common, behind Tokenizer: text to ids, and the bytes of each id.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_index.h"

namespace faqsmith {

class TextModel {
 public:
  virtual ~TextModel() = default;
  // Appends. text is valid UTF-8 without added tokens; a SentencePiece model takes the prefix space as part of it.
  virtual void encode(std::string_view text, std::vector<TokenId>& ids) const = 0;
  // By id: what it stands for inside a text.
  [[nodiscard]] virtual const std::vector<std::string>& bytes() const = 0;
};

// Both throw Error(Input) for what does not hold together. spec outlives the model; sizes are checked already.
[[nodiscard]] std::unique_ptr<TextModel> make_byte_level_bpe(const TokenizerSpec& spec, const TokenIndex& text);
[[nodiscard]] std::unique_ptr<TextModel> make_sentencepiece_bpe(const TokenizerSpec& spec, const TokenIndex& text);

}  // namespace faqsmith
