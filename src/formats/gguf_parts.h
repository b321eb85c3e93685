// A model in one GGUF file, or in several as llama.cpp's gguf-split cuts it: name-00001-of-00003.gguf and so on, all in
// one folder. The first part holds the metadata; each says its number (split.no, from 0), how many parts there are
// (split.count) and how many tensors they hold together (split.tensors.count). Promise: the parts belong together, or
// the whole is refused with the part's name. Source: llama.cpp, tools/gguf-split. Thread-safe after construction.
#pragma once
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/gguf.h"

namespace faqsmith {

class GgufParts {
 public:
  // path: the only file, or any of the parts. Throws Error(Io) or Error(Input).
  explicit GgufParts(const fs::path& path);
  [[nodiscard]] const GgufFile& first() const { return *files_.front(); }  // with the metadata
  [[nodiscard]] const std::vector<std::unique_ptr<GgufFile>>& files() const { return files_; }

  struct Found {
    const GgufFile* file = nullptr;  // nullptr if absent
    const GgufTensor* tensor = nullptr;
    explicit operator bool() const { return file != nullptr; }
  };
  [[nodiscard]] Found find_tensor(std::string_view name) const;
  [[nodiscard]] const std::vector<Found>& tensors() const { return tensors_; }  // of all parts, in their order
  [[nodiscard]] std::uint64_t n_bytes() const;                                  // of all files

 private:
  void open_parts(const fs::path& path);
  void list_tensors();
  std::vector<std::unique_ptr<GgufFile>> files_;
  std::vector<Found> tensors_;
  std::unordered_map<std::string_view, std::size_t> index_;
};

}  // namespace faqsmith
