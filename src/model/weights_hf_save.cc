// A model to a Hugging Face folder, shard after shard, a few rows at a time.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "base/json_text.h"
#include "model/config_hf.h"
#include "model/tensor_source.h"
#include "model/weights_hf.h"
#include "sys/folder.h"

namespace faqsmith {
namespace {

using Shard = std::vector<ModelTensor>;

std::uint64_t bytes_of_tensor(const ModelTensor& tensor, SafeFloat type) {
  return static_cast<std::uint64_t>(tensor.shape.size()) * bytes_of(type);
}

// In the model's order, as many a shard as fit.
std::vector<Shard> cut_into_shards(const LlamaConfig& config, const HfSaveOptions& options) {
  std::vector<Shard> shards(1);
  std::uint64_t bytes = 0;
  for (ModelTensor& tensor : model_tensors(config)) {
    const std::uint64_t more = bytes_of_tensor(tensor, options.type);
    if (!shards.back().empty() && bytes + more > options.max_shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += more;
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

std::string index_text(const std::vector<Shard>& shards, const std::vector<std::string>& names, SafeFloat type) {
  nlohmann::ordered_json map = nlohmann::ordered_json::object();
  std::uint64_t values = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const ModelTensor& tensor : shards[i]) {
      map[tensor.name] = names[i];
      values += static_cast<std::uint64_t>(tensor.shape.size());
    }
  }
  const nlohmann::ordered_json index = {
      {"metadata", {{"total_parameters", values}, {"total_size", values * bytes_of(type)}}}, {"weight_map", map}};
  return json_text(index, 2) + "\n";
}

void write_shard(const fs::path& path, const TensorSource& source, const Shard& shard, SafeFloat type) {
  SafetensorsWriter out(type);
  for (const ModelTensor& tensor : shard)
    out.add_tensor(tensor.name, {tensor.shape.dims.begin(), tensor.shape.dims.begin() + tensor.shape.rank});
  out.begin(path, {{"format", "pt"}});
  for (const ModelTensor& tensor : shard) {
    read_in_pieces(source, tensor, 1,
                   [&](std::int64_t, std::int64_t, std::span<const float> values) { out.write_values(values); });
  }
  out.finish();
}

void prepare_folder(const fs::path& folder) {
  make_folders(folder);
  // Until the last file is there, nothing may look like a model.
  std::error_code error;
  for (const char* name : {kHfIndexFile, kHfWeightsFile}) fs::remove(folder / name, error);
}

}  // namespace

void save_hf_folder(const fs::path& folder, const TensorSource& source, const TokenizerSpec& tokenizer,
                    const HfSaveOptions& options) {
  const char* dtype = options.type == SafeFloat::F32   ? "float32"
                      : options.type == SafeFloat::F16 ? "float16"
                                                       : "bfloat16";
  const std::string config = hf_config_text(source.config(), tokenizer, options.name, dtype);
  prepare_folder(folder);
  write_file_atomic(folder / kHfConfigFile, config);
  const std::vector<Shard> shards = cut_into_shards(source.config(), options);
  if (shards.size() == 1) return write_shard(folder / kHfWeightsFile, source, shards.front(), options.type);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    names.push_back(fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size()));
    write_shard(folder / names.back(), source, shards[i], options.type);
  }
  write_file_atomic(folder / kHfIndexFile, index_text(shards, names, options.type));
}

void save_hf_folder(const fs::path& folder, const Weights& weights, const TokenizerSpec& tokenizer,
                    const HfSaveOptions& options) {
  save_hf_folder(folder, WeightsSource(weights), tokenizer, options);
}

}  // namespace faqsmith
