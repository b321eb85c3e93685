// manifest.json of a checkpoint, to and from text. Private to train/.
#pragma once
#include <map>
#include <string>

#include "train/checkpoint.h"

namespace faqsmith {

using FileHashes = std::map<std::string, std::string>;  // file name in the folder -> SHA-256

[[nodiscard]] std::string manifest_to_json(const Manifest& manifest, const FileHashes& files);
// Throws Error(Input) that names the file.
[[nodiscard]] Manifest manifest_from_json(const std::string& text, const std::string& file, FileHashes& files);

}  // namespace faqsmith
