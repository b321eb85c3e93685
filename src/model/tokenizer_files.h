// The tokenizer of a Hugging Face folder: tokenizer.json (or, without one, SentencePiece's tokenizer.model) with what
// tokenizer_config.json, special_tokens_map.json, generation_config.json and chat_template.jinja say. A setting that
// would change the ids and that faqsmith does not compute is refused by name, never passed over.
// Sources: the files' own formats, as tokenizers 0.23 and transformers 5 read them; sentencepiece_model.proto.
#pragma once
#include "sys/file.h"
#include "text/tokenizer.h"

namespace faqsmith {

// Throws Error(Input) naming file, place and reason; Error(Io) if a file cannot be read. What it returns, Tokenizer
// accepts. Tokens that are "special", or look like marks of turns (<|…|>), are control tokens: text never becomes one.
[[nodiscard]] TokenizerSpec read_hf_tokenizer(const fs::path& folder);

}  // namespace faqsmith
