// A model as a Hugging Face folder: config.json, model.safetensors or shards with model.safetensors.index.json, and the
// tokenizer's files. Promise: names, shapes and types of all tensors are checked before memory is taken for them; a
// tensor that the model does not use is refused (but for rotary_emb.inv_freq, which old files hold and nobody reads).
// Source: transformers (modeling_utils.py), docs of safetensors.
#pragma once
#include <string>

#include "formats/safetensors.h"
#include "model/weights.h"

namespace faqsmith {

// weights.h's functions for folders. Throw Error(Io or Input).
[[nodiscard]] ModelFile load_hf_folder(const fs::path& folder, HashFile hash, Residency residency);
[[nodiscard]] ModelInfo read_hf_info(const fs::path& folder);
[[nodiscard]] std::string hf_folder_sha256(const fs::path& folder);  // over config, weights and tokenizer files

// Those files of the folder that decide how text becomes tokens and where an answer ends; none for a GGUF file.
[[nodiscard]] std::vector<fs::path> hf_tokenizer_files(const fs::path& folder);

struct HfSaveOptions {
  SafeFloat type = SafeFloat::F32;                         // of every tensor
  std::uint64_t max_shard_bytes = std::uint64_t{5} << 30;  // a tensor that is larger has a shard of its own
  std::string name = {};                                   // config.json's _name_or_path
};
// Makes the folder if it is absent. The weights' index (of one file: the file itself) appears last, so that an
// interrupted folder is refused by every reader. Tokenizer files are not written (tokenizer_files_save.h does). Needs
// little memory beside the weights.
void save_hf_folder(const fs::path& folder, const Weights& weights, const TokenizerSpec& tokenizer,
                    const HfSaveOptions& options);

inline constexpr const char* kHfConfigFile = "config.json";
inline constexpr const char* kHfWeightsFile = "model.safetensors";
inline constexpr const char* kHfIndexFile = "model.safetensors.index.json";

}  // namespace faqsmith
