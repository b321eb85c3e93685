// A model in memory to a Hugging Face folder, shard after shard.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "model/config_hf.h"
#include "model/weights_hf.h"

namespace faqsmith {
namespace {

using Shard = std::vector<SafeTensorToWrite>;

// In the model's order, as many a shard as fit.
std::vector<Shard> cut_into_shards(const Weights& weights, const HfSaveOptions& options) {
  std::vector<Shard> shards(1);
  std::uint64_t bytes = 0;
  for_each_tensor(weights, [&](const std::string& name, const Buffer<float>& tensor) {
    const Shape& shape = tensor.shape();
    const std::uint64_t more = static_cast<std::uint64_t>(tensor.size()) * bytes_of(options.type);
    if (!shards.back().empty() && bytes + more > options.max_shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += more;
    shards.back().push_back({name,
                             {shape.dims.begin(), shape.dims.begin() + shape.rank},
                             {tensor.data(), static_cast<std::size_t>(tensor.size())}});
  });
  return shards;
}

std::string index_text(const std::vector<Shard>& shards, const std::vector<std::string>& names, SafeFloat type) {
  nlohmann::ordered_json map = nlohmann::ordered_json::object();
  std::uint64_t values = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const SafeTensorToWrite& tensor : shards[i]) {
      map[tensor.name] = names[i];
      values += tensor.values.size();
    }
  }
  const nlohmann::ordered_json index = {
      {"metadata", {{"total_parameters", values}, {"total_size", values * bytes_of(type)}}}, {"weight_map", map}};
  return index.dump(2) + "\n";
}

void prepare_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(Kind::Io, fmt::format("cannot create the folder {}: {}", folder.string(), error.message()),
                "choose a folder that you may write to");
  }
  // Until the last file is there, nothing may look like a model.
  for (const char* name : {kHfIndexFile, kHfWeightsFile}) fs::remove(folder / name, error);
}

}  // namespace

void save_hf_folder(const fs::path& folder, const Weights& weights, const TokenizerSpec& tokenizer,
                    const HfSaveOptions& options) {
  const char* dtype = options.type == SafeFloat::F32   ? "float32"
                      : options.type == SafeFloat::F16 ? "float16"
                                                       : "bfloat16";
  const std::string config = hf_config_text(weights.config, tokenizer, options.name, dtype);
  prepare_folder(folder);
  write_file_atomic(folder / kHfConfigFile, config);
  const std::vector<Shard> shards = cut_into_shards(weights, options);
  const std::map<std::string, std::string> metadata = {{"format", "pt"}};
  if (shards.size() == 1) return write_safetensors(folder / kHfWeightsFile, shards.front(), options.type, metadata);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    names.push_back(fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size()));
    write_safetensors(folder / names.back(), shards[i], options.type, metadata);
  }
  write_file_atomic(folder / kHfIndexFile, index_text(shards, names, options.type));
}

}  // namespace faqsmith
