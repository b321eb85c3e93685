// A tokenizer as GGUF metadata, read and written. What GGUF has no key for (Hugging Face's merge order of a
// SentencePiece vocabulary, where its space goes, further end ids) stands under faqsmith.tokenizer.*, which other
// programs pass over: they then go by the scores. Source: the GGUF specification; defaults as llama.cpp's.
#pragma once
#include "formats/gguf.h"
#include "text/tokenizer.h"

namespace faqsmith {

// Throws Error(Input) naming file and key. Whether the vocabulary holds together is Tokenizer's to check.
[[nodiscard]] TokenizerSpec read_gguf_tokenizer(const GgufFile& file);
void write_gguf_tokenizer(GgufWriter& out, const TokenizerSpec& spec);

}  // namespace faqsmith
