// Hugging Face's config.json to a LlamaConfig and back. Promise: a setting that changes what a model computes and that
// faqsmith does not compute is refused by name, never ignored. Source: transformers 5 (configuration_llama.py,
// configuration_mistral.py, modeling_rope_utils.py); files of transformers 4 are read as well.
#pragma once
#include <string>
#include <string_view>

#include "model/config.h"
#include "text/tokenizer.h"

namespace faqsmith {

inline constexpr std::size_t kMaxHfConfigBytes = std::size_t{1} << 20;

struct HfConfig {
  LlamaConfig config;
  std::string name;  // the last part of _name_or_path; may be empty
};
// file: the name that errors show. Throws Error(Input).
[[nodiscard]] HfConfig parse_hf_config(std::string_view text, const std::string& file);

// dtype: "float32", "float16" or "bfloat16". Throws Error(User) for what no architecture of Hugging Face has: a sliding
// window together with biases, rotary factors one by one.
[[nodiscard]] std::string hf_config_text(const LlamaConfig& config, const TokenizerSpec& tokenizer,
                                         const std::string& name, const std::string& dtype);

}  // namespace faqsmith
