// The safetensors files of a Hugging Face folder as one: which file holds which tensor. Promise: an index names only
// files of its own folder, all of them are there, and each holds exactly the tensors that the index says.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/safetensors.h"

namespace faqsmith {

class HfShards {
 public:
  explicit HfShards(const fs::path& folder);  // throws Error(Io or Input)
  struct Found {
    const SafetensorsFile* file = nullptr;  // nullptr if absent
    const SafeTensor* tensor = nullptr;
  };
  [[nodiscard]] Found find_tensor(std::string_view name) const;
  [[nodiscard]] const std::vector<Found>& tensors() const { return tensors_; }
  [[nodiscard]] const std::vector<fs::path>& paths() const { return paths_; }  // of shards and index
  [[nodiscard]] std::uint64_t n_bytes() const;                                 // of the shards

 private:
  void open(const fs::path& path);
  void open_index(const fs::path& folder, const fs::path& index);
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<fs::path> paths_;
  std::vector<Found> tensors_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
};

// Shard file -> names of its tensors, from an index. Throws Error(Input); file: the name that errors show.
[[nodiscard]] std::unordered_map<std::string, std::vector<std::string>> parse_hf_index(std::string_view text,
                                                                                       const std::string& file);

}  // namespace faqsmith
