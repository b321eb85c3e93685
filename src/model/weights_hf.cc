// A Hugging Face folder to a model in memory. Rows stand in this order already: values go straight to their place.
#include "model/weights_hf.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <system_error>
#include <unordered_set>

#include "base/error.h"
#include "model/config_hf.h"
#include "model/hf_shards.h"
#include "model/tokenizer_files.h"
#include "model/weights_gguf.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

constexpr const char* kHeadName = "lm_head.weight";
constexpr const char* kEmbeddingName = "model.embed_tokens.weight";
constexpr const char* kTokenizerFiles[] = {"tokenizer.json",     "tokenizer_config.json",
                                           "tokenizer.model",    "special_tokens_map.json",
                                           "added_tokens.json",  "vocab.json",
                                           "merges.txt",         "chat_template.jinja",
                                           "chat_template.json", "generation_config.json"};

[[noreturn]] void refuse(const fs::path& file, const std::string& reason,
                         const std::string& hint = "choose another model, or download the whole folder again") {
  throw Error(Kind::Input, fmt::format("{}: {}", file.string(), reason), hint);
}

HfConfig read_config(const fs::path& folder) {
  const fs::path path = folder / kHfConfigFile;
  std::error_code error;
  if (!fs::exists(path, error))
    refuse(folder, fmt::format("there is no {}", kHfConfigFile),
           "name a folder with a Hugging Face model, or a GGUF file");
  HfConfig out = parse_hf_config(read_file(path, kMaxHfConfigBytes), path.string());
  if (out.name.empty()) {
    const fs::path whole = fs::absolute(folder, error).lexically_normal();
    out.name = (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  }
  return out;
}

struct NamedShape {
  std::string name;
  std::vector<std::int64_t> shape;
};

// All that such a model needs, without memory for it.
std::vector<NamedShape> hf_shapes(const LlamaConfig& config) {
  std::vector<NamedShape> out = {{kEmbeddingName, {config.vocab_size, config.hidden_size}},
                                 {"model.norm.weight", {config.hidden_size}}};
  for (std::int64_t i = 0; i < config.n_layers; ++i) {
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
      out.push_back({fmt::format("model.layers.{}.{}.weight", i, norm), {config.hidden_size}});
    for (int l = 0; l < kLinearsPerLayer; ++l) {
      const auto linear = static_cast<Linear>(l);
      const Shape shape = linear_shape(config, linear);
      out.push_back({hf_name(i, linear), {shape[0], shape[1]}});
      if (has_bias(config, linear)) out.push_back({hf_bias_name(i, linear), {shape[0]}});
    }
  }
  if (!config.tied_embeddings) out.push_back({kHeadName, {config.vocab_size, config.hidden_size}});
  return out;
}

void check_tensor(const HfShards& shards, const fs::path& folder, const NamedShape& expected) {
  const auto [file, tensor] = shards.find_tensor(expected.name);
  if (!tensor) refuse(folder, fmt::format("tensor \"{}\" is missing", expected.name));
  if (tensor->shape != expected.shape) {
    refuse(file->file(), fmt::format("tensor \"{}\" is [{}], but {} says [{}]", expected.name,
                                     fmt::join(tensor->shape, ", "), kHfConfigFile, fmt::join(expected.shape, ", ")));
  }
  if (!SafetensorsFile::float_type(*tensor)) {
    refuse(file->file(), fmt::format("not supported yet: {} (tensor \"{}\")", tensor->dtype, expected.name),
           "choose a version with F32, F16 or BF16 weights");
  }
}

// Files with tied embeddings may hold them twice; transformers reads the first copy only.
void check_second_embedding(const HfShards& shards) {
  const auto [file, head] = shards.find_tensor(kHeadName);
  const auto [other, embedding] = shards.find_tensor(kEmbeddingName);
  const bool same = head->dtype == embedding->dtype && head->shape == embedding->shape &&
                    std::ranges::equal(file->data(*head), other->data(*embedding));
  if (!same)
    refuse(file->file(),
           fmt::format("tensor \"{}\" differs from the embedding, but {} ties them", kHeadName, kHfConfigFile));
}

void check_all_tensors(const HfShards& shards, const fs::path& folder, const LlamaConfig& config) {
  constexpr std::int64_t kTensorsPerLayer = 9;
  const auto n = static_cast<std::int64_t>(shards.tensors().size());
  if (config.n_layers > n / kTensorsPerLayer)
    refuse(folder, fmt::format("{} layers need more than the folder's {} tensors", config.n_layers, n));
  std::unordered_set<std::string> known;
  for (const NamedShape& expected : hf_shapes(config)) {
    check_tensor(shards, folder, expected);
    known.insert(expected.name);
  }
  for (const auto& [file, tensor] : shards.tensors()) {
    if (known.contains(tensor->name) || tensor->name.ends_with(".rotary_emb.inv_freq")) continue;
    if (tensor->name != kHeadName)
      refuse(file->file(), fmt::format("tensor \"{}\" is not part of a Llama model that faqsmith knows", tensor->name));
    check_second_embedding(shards);
  }
}

// Embeddings often have more rows than there are tokens, so that their number suits a machine: named as llama.cpp's
// converter names them, and never met in text.
TokenizerSpec read_tokenizer(const fs::path& folder, const LlamaConfig& config) {
  TokenizerSpec spec = read_hf_tokenizer(folder);
  const auto rows = static_cast<std::size_t>(config.vocab_size);
  if (spec.tokens.size() > rows) {
    refuse(folder, fmt::format("the tokenizer has {} tokens, but the embedding has {} rows", spec.tokens.size(), rows));
  }
  if (spec.tokens.size() == rows) return spec;
  constexpr std::int32_t kNormal = 1, kUnused = 5;
  if (spec.token_types.empty()) spec.token_types.assign(spec.tokens.size(), kNormal);
  for (std::size_t id = spec.tokens.size(); id < rows; ++id) spec.tokens.push_back(fmt::format("[PAD{}]", id));
  spec.token_types.resize(rows, kUnused);
  if (!spec.scores.empty()) spec.scores.resize(rows, 0.0f);
  return spec;
}

WeightMatrix read_matrix(const std::shared_ptr<const HfShards>& shards, const std::string& name, Residency residency) {
  const auto [file, tensor] = shards->find_tensor(name);
  WeightMatrix stored({tensor->shape[0], tensor->shape[1]},
                      {.type = *SafetensorsFile::float_type(*tensor), .bytes = file->data(*tensor), .owner = shards});
  Buffer<float> values;
  if (residency == Residency::Float32) values = Buffer<float>(stored.shape());
  stop_if_interrupted();
  const auto bad = stored.find_non_finite(values.data());
  stored.release_pages();
  if (bad)
    refuse(file->file(), fmt::format("tensor \"{}\" is not a finite number at index {}", name, *bad),
           "the file is damaged or the training diverged: use another one");
  return residency == Residency::Float32 ? WeightMatrix(std::move(values)) : std::move(stored);
}

std::string file_type_name(const HfShards& shards) {
  std::map<std::string, std::uint64_t> bytes;
  for (const auto& [file, tensor] : shards.tensors()) bytes[tensor->dtype] += tensor->n_bytes;
  const auto most =
      std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "empty" : most->first;
}

std::string sha256_of(const fs::path& folder, const HfShards& shards) {
  std::vector<fs::path> files = shards.paths();
  files.push_back(folder / kHfConfigFile);
  for (fs::path& file : hf_tokenizer_files(folder)) files.push_back(std::move(file));
  return combined_sha256(files);
}

}  // namespace

std::vector<fs::path> hf_tokenizer_files(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const char* name : kTokenizerFiles)
    if (fs::is_regular_file(folder / name, error)) out.push_back(folder / name);
  return out;
}

ModelFile load_hf_folder(const fs::path& folder, HashFile hash, Residency residency) {
  const HfConfig config = read_config(folder);
  const auto shards = std::make_shared<const HfShards>(folder);
  check_all_tensors(*shards, folder, config.config);
  ModelFile model;
  model.name = config.name;
  model.tokenizer = read_tokenizer(folder, config.config);
  model.weights = allocate_weights(config.config, Residency::AsStored);
  for_each_matrix(model.weights, [&](const std::string& name, WeightMatrix& matrix) {
    matrix = read_matrix(shards, name, residency);
  });
  for_each_vector(model.weights, [&](const std::string& name, Buffer<float>& values) {
    const auto [file, tensor] = shards->find_tensor(name);
    file->read_floats(*tensor, values.data());
  });
  if (hash == HashFile::Yes) model.sha256 = sha256_of(folder, *shards);
  return model;
}

ModelInfo read_hf_info(const fs::path& folder) {
  const HfConfig config = read_config(folder);
  const HfShards shards(folder);
  check_all_tensors(shards, folder, config.config);
  ModelInfo info{.config = config.config,
                 .tokenizer = read_tokenizer(folder, config.config),
                 .name = config.name,
                 .file_type = file_type_name(shards),
                 .file_bytes = shards.n_bytes(),
                 .stored = {}};
  for (const NamedShape& matrix : hf_shapes(config.config)) {
    if (matrix.shape.size() != 2) continue;
    std::uint64_t& part = matrix.name == kEmbeddingName ? info.stored.embedding
                          : matrix.name == kHeadName    ? info.stored.head
                                                        : info.stored.linears;
    part += shards.find_tensor(matrix.name).tensor->n_bytes;
  }
  return info;
}

std::string hf_folder_sha256(const fs::path& folder) {
  return sha256_of(folder, HfShards(folder));
}

}  // namespace faqsmith
