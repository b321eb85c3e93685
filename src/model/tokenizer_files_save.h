// A TokenizerSpec to the tokenizer files of a Hugging Face folder. Source: PyPI's tokenizers (the format of
// tokenizer.json), transformers (tokenization_utils_base.py).
#pragma once
#include "sys/file.h"
#include "text/tokenizer.h"

namespace faqsmith {

// Writes tokenizer.json and tokenizer_config.json that say the same. False, and nothing is written, for a kind of
// tokenizer that it has no words for: it has them for byte-level BPE with the words of SmolLM and GPT-2.
[[nodiscard]] bool save_hf_tokenizer(const fs::path& folder, const TokenizerSpec& spec);

}  // namespace faqsmith
