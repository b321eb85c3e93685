// An index is JSON of other people: shard names are checked before any of them is opened.
#include "model/hf_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/json_text.h"
#include "formats/untrusted_json.h"
#include "model/weights_hf.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxIndexBytes = std::size_t{1} << 24;  // 16 MiB: some 100,000 tensors
constexpr std::size_t kMaxShards = 500;                       // each is a mapped file; the largest models have < 200
constexpr const char* kHint = "download the whole model folder again";

[[noreturn]] void refuse(const fs::path& file, const std::string& reason, const char* hint = kHint) {
  throw Error(Kind::Input, fmt::format("{}: {}", file.string(), reason), hint);
}

// A name in the folder itself: no path, nothing hidden.
bool is_plain_name(const std::string& name) {
  constexpr std::size_t kMaxName = 255;
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '/' && c != '\\';
  });
  return plain && name.size() <= kMaxName && !name.starts_with('.') && name.ends_with(".safetensors");
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

[[noreturn]] void refuse_without_weights(const fs::path& folder) {
  for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"}) {
    if (is_there(folder / pickle)) {
      refuse(folder, fmt::format("the weights are in {}, which can hold program code and is never read", pickle),
             "choose a version of the model with .safetensors files");
    }
  }
  refuse(folder, fmt::format("there is neither {} nor {}", kHfWeightsFile, kHfIndexFile),
         "name a folder with a Hugging Face model, or a GGUF file");
}

}  // namespace

std::unordered_map<std::string, std::vector<std::string>> parse_hf_index(std::string_view text,
                                                                         const std::string& file) {
  constexpr int kMaxDepth = 4;  // metadata may hold small objects
  const json index = parse_untrusted_json(text, {.place = file, .hint = kHint, .max_depth = kMaxDepth});
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object() || map->empty())
    refuse(file, "\"weight_map\" is missing, empty or no object");
  std::unordered_map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) refuse(file, fmt::format("the shard of tensor \"{}\" is no text", tensor));
    const std::string name = shard.get<std::string>();
    if (!is_plain_name(name))
      refuse(file, fmt::format("tensor \"{}\" is said to be in {}, which is no .safetensors file of the folder", tensor,
                               json_ascii(shard)));
    shards[name].push_back(tensor);
    if (shards.size() > kMaxShards) refuse(file, fmt::format("it names more than {} shards", kMaxShards));
  }
  return shards;
}

HfShards::HfShards(const fs::path& folder) {
  const fs::path whole = folder / kHfWeightsFile, index = folder / kHfIndexFile;
  if (is_there(whole)) {  // before the index, as transformers does
    open(whole);
  } else if (is_there(index)) {
    open_index(folder, index);
  } else {
    refuse_without_weights(folder);
  }
  for (const auto& file : files_) {
    for (const SafeTensor& tensor : file->header().tensors) {
      if (!by_name_.emplace(tensor.name, tensors_.size()).second)
        refuse(file->file(), fmt::format("tensor \"{}\" is in another shard too", tensor.name));
      tensors_.push_back({file.get(), &tensor});
    }
  }
}

void HfShards::open(const fs::path& path) {
  files_.push_back(std::make_unique<SafetensorsFile>(path));
  paths_.push_back(path);
}

void HfShards::open_index(const fs::path& folder, const fs::path& index) {
  const auto shards = parse_hf_index(read_file(index, kMaxIndexBytes), index.string());
  const std::set<std::string> names = [&] {
    std::set<std::string> out;
    for (const auto& [name, tensors] : shards) out.insert(name);
    return out;
  }();
  for (const std::string& name : names)
    if (!is_there(folder / name))
      refuse(folder / name, fmt::format("this shard, named by {}, is missing", kHfIndexFile));
  for (const std::string& name : names) {
    open(folder / name);
    const SafetensorsFile& file = *files_.back();
    std::set<std::string_view> there;
    for (const SafeTensor& tensor : file.header().tensors) there.insert(tensor.name);
    const std::vector<std::string>& expected = shards.at(name);
    for (const std::string& tensor : expected)
      if (there.erase(tensor) == 0)
        refuse(file.file(), fmt::format("tensor \"{}\", which {} puts here, is missing", tensor, kHfIndexFile));
    if (!there.empty())
      refuse(file.file(), fmt::format("tensor \"{}\" is here, but {} does not say so", *there.begin(), kHfIndexFile));
  }
  paths_.push_back(index);
}

HfShards::Found HfShards::find_tensor(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? Found{} : tensors_[found->second];
}

std::uint64_t HfShards::n_bytes() const {
  std::uint64_t n = 0;
  for (const auto& file : files_) n += file->n_bytes();
  return n;
}

}  // namespace faqsmith
