// Which kind of model a path is: a folder is Hugging Face's, a file is GGUF.
#include <system_error>

#include "model/weights.h"
#include "model/weights_gguf.h"
#include "model/weights_hf.h"

namespace faqsmith {
namespace {

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

ModelFile load_model(const fs::path& path, HashFile hash, Residency residency) {
  return is_folder(path) ? load_hf_folder(path, hash, residency) : load_gguf(path, hash, residency);
}

ModelInfo read_model_info(const fs::path& path) {
  return is_folder(path) ? read_hf_info(path) : read_gguf_info(path);
}

std::string model_sha256(const fs::path& path) {
  return is_folder(path) ? hf_folder_sha256(path) : gguf_sha256(GgufParts(path));
}

}  // namespace faqsmith
