// Any bytes as SentencePiece's model file: refused with Error(Input), or pieces that are text.
#include <cstdlib>

#include "base/error.h"
#include "formats/sentencepiece.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  try {
    const SentencePieceModel model =
        parse_sentencepiece({reinterpret_cast<const char*>(data), size}, "tokenizer.model");
    if (model.pieces.empty()) std::abort();
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
