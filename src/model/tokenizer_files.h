// A Hugging Face folder's tokenizer files to a TokenizerSpec. Read: tokenizer.json,
// tokenizer_config.json, chat_template.jinja. A tokenizer of another kind is refused by name. Source: PyPI's tokenizers
// (the format of tokenizer.json), transformers (tokenization_utils_base.py).
#pragma once
#include "sys/file.h"
#include "text/tokenizer.h"

namespace faqsmith {

// Throws Error(Io or Input) that names file and place.
[[nodiscard]] TokenizerSpec read_hf_tokenizer(const fs::path& folder);

}  // namespace faqsmith
