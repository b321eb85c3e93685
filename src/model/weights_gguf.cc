// GGUF metadata and tensors to a Llama model in memory.
#include "model/weights_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <memory>
#include <unordered_set>

#include "base/hash.h"
#include "formats/gguf.h"
#include "model/tokenizer_gguf.h"
#include "model/weights_gguf_rope.h"
#include "sys/interrupt.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

[[noreturn]] void refuse(
    const GgufFile& file, const std::string& reason,
    const std::string& hint = "choose another model file, or convert it again with a current tool") {
  throw Error(Kind::Input, fmt::format("{}: {}", file.file(), reason), hint);
}

void check_architecture(const GgufFile& file) {
  const std::string& architecture = file.get<std::string>("general.architecture");
  if (architecture != "llama") {
    refuse(file, fmt::format("architecture \"{}\" is not supported yet, only \"llama\" is", architecture),
           "choose a Llama-family model");
  }
  if (const auto experts = file.find_integer("llama.expert_count"); experts && *experts > 0) {
    refuse(file, "mixture-of-experts models are not supported yet", "choose a dense Llama-family model");
  }
}

// llama.cpp knows biases by their tensors alone.
bool has_bias_tensor(const GgufParts& parts, std::initializer_list<std::string_view> suffixes) {
  return std::any_of(parts.tensors().begin(), parts.tensors().end(), [&](const GgufParts::Found& found) {
    const std::string& name = found.tensor->name;
    return name.starts_with("blk.") && std::any_of(suffixes.begin(), suffixes.end(),
                                                   [&](std::string_view suffix) { return name.ends_with(suffix); });
  });
}

LlamaConfig read_config(const GgufParts& parts) {
  const GgufFile& file = parts.first();
  LlamaConfig config;
  config.n_layers = file.integer("llama.block_count");
  config.max_positions = file.integer("llama.context_length");
  config.hidden_size = file.integer("llama.embedding_length");
  config.intermediate_size = file.integer("llama.feed_forward_length");
  config.n_heads = file.integer("llama.attention.head_count");
  config.n_kv_heads = file.find_integer("llama.attention.head_count_kv").value_or(config.n_heads);
  config.rms_norm_eps = static_cast<float>(file.get<double>("llama.attention.layer_norm_rms_epsilon"));
  if (const double* theta = file.find<double>("llama.rope.freq_base")) config.rope_theta = static_cast<float>(*theta);
  if (config.n_heads < 1) refuse(file, "llama.attention.head_count is 0");
  const auto key_length = file.find_integer("llama.attention.key_length");
  if (!key_length && config.hidden_size % config.n_heads != 0) {
    refuse(file, fmt::format("hidden size {} is no multiple of {} heads", config.hidden_size, config.n_heads));
  }
  config.head_dim = key_length.value_or(config.hidden_size / config.n_heads);
  if (file.find_integer("llama.attention.value_length").value_or(config.head_dim) != config.head_dim) {
    refuse(file, "value heads of another size than key heads are not supported yet");
  }
  if (file.find_integer("llama.rope.dimension_count").value_or(config.head_dim) != config.head_dim) {
    refuse(file, "rotary embedding of a part of each head is not supported yet");
  }
  const auto& tokens = file.get<GgufStrings>("tokenizer.ggml.tokens");
  config.vocab_size = static_cast<std::int64_t>(tokens.size());
  config.tied_embeddings = !parts.find_tensor("output.weight");
  config.attention_bias = has_bias_tensor(parts, {".attn_q.bias", ".attn_k.bias", ".attn_v.bias", ".attn_output.bias"});
  config.mlp_bias = has_bias_tensor(parts, {".ffn_gate.bias", ".ffn_up.bias", ".ffn_down.bias"});
  config.sliding_window = file.find_integer("llama.attention.sliding_window").value_or(0);
  if (config.sliding_window > INT32_MAX) refuse(file, fmt::format("sliding_window is {}", config.sliding_window));
  validate(config, file.file());
  config.rope_scaling = read_rope_scaling(parts, config);
  validate(config, file.file());
  return config;
}

std::string model_name(const GgufFile& file, const fs::path& path) {
  const auto* name = file.find<std::string>("general.name");
  return name && !name->empty() ? *name : path.stem().string();
}

// Shapes, names and types, before any memory is allocated for weights.
void check_tensor(const GgufParts& parts, const std::string& name, const Shape& shape) {
  const auto [file, tensor] = parts.find_tensor(name);
  if (!tensor) {
    if (may_be_absent(name)) return;
    refuse(parts.first(), fmt::format("tensor \"{}\" is missing", name));
  }
  std::vector<std::int64_t> expected;
  for (int d = shape.rank - 1; d >= 0; --d) expected.push_back(shape[d]);
  if (tensor->dims != expected) {
    refuse(*file, fmt::format("tensor \"{}\" is [{}], but the metadata say [{}]", name, fmt::join(tensor->dims, ", "),
                              fmt::join(expected, ", ")));
  }
  const GgmlTypeInfo& type = *find_type(tensor->type);
  if (!type.supported) {
    refuse(*file, fmt::format("not supported yet: {} (tensor \"{}\")", type.name, name),
           "choose a file with F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 or Q2_K to Q6_K tensors");
  }
}

// A name that the model does not use may change what it computes (an adapter, a scale): never ignored in silence.
void check_all_tensors(const GgufParts& parts, const LlamaConfig& config) {
  constexpr std::int64_t kTensorsPerLayer = 9;
  const GgufFile& first = parts.first();
  const auto n = static_cast<std::int64_t>(parts.tensors().size());
  if (config.n_layers > n / kTensorsPerLayer) {
    refuse(first, fmt::format("{} layers need more than the file's {} tensors", config.n_layers, n));
  }
  const GgufTensor* embedding = parts.find_tensor("token_embd.weight").tensor;
  if (embedding && embedding->dims.size() == 2 && embedding->dims[1] != config.vocab_size) {
    refuse(first, fmt::format("the vocabulary has {} tokens, but the embedding has {} rows", config.vocab_size,
                              embedding->dims[1]));
  }
  std::unordered_set<std::string> known = {kRopeFactorsName};
  for (const GgufShape& expected : gguf_shapes(config)) {
    check_tensor(parts, expected.name, expected.shape);
    known.insert(expected.name);
  }
  for (const auto& [file, tensor] : parts.tensors()) {
    if (!known.contains(tensor->name))
      refuse(*file, fmt::format("tensor \"{}\" is not part of a Llama model that faqsmith knows", tensor->name));
  }
}

[[noreturn]] void refuse_value(const GgufFile& file, const std::string& name, std::int64_t index) {
  refuse(file, fmt::format("tensor \"{}\" is not a finite number at index {}", name, index),
         "the file is damaged or the model diverged in training: use another one");
}

WeightMatrix read_matrix(const std::shared_ptr<const GgufParts>& parts, const GgufParts::Found& found, RowOrder order,
                         const LlamaConfig& config, Residency residency) {
  const auto [file, tensor] = found;
  WeightMatrix stored({tensor->dims[1], tensor->dims[0]}, {.type = static_cast<GgmlType>(tensor->type),
                                                           .bytes = file->data(*tensor),
                                                           .owner = parts,
                                                           .order = order,
                                                           .head_dim = config.head_dim});
  Buffer<float> values;
  if (residency == Residency::Float32) values = Buffer<float>(stored.shape());
  stop_if_interrupted();
  const auto bad = stored.find_non_finite(values.data());
  stored.release_pages();
  if (bad) refuse_value(*file, tensor->name, *bad);
  return residency == Residency::Float32 ? WeightMatrix(std::move(values)) : std::move(stored);
}

// A norm or a bias; that of Q or K stands in the order of their rows.
void read_vector(const GgufParts::Found& found, const GgufSlot& slot, std::int64_t head_dim) {
  const auto [file, tensor] = found;
  std::vector<float> stored(static_cast<std::size_t>(tensor->n_elements));
  dequantize(static_cast<GgmlType>(tensor->type), file->data(*tensor), stored.data(), tensor->n_elements);
  for (std::int64_t i = 0; i < tensor->n_elements; ++i) {
    const float value = stored[static_cast<std::size_t>(i)];
    if (!std::isfinite(value)) refuse_value(*file, slot.name, i);
    (*slot.vector)[slot.order == RowOrder::Same ? i : hf_row(i, head_dim)] = value;
  }
}

std::string file_type_name(const GgufParts& parts) {
  // The type that most bytes of the file have, as people name quantised files.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> bytes_by_type;
  for (const GgufParts::Found& part : parts.tensors()) {
    const GgufTensor& tensor = *part.tensor;
    const auto same = [&](const auto& entry) { return entry.second == tensor.type; };
    auto found = std::find_if(bytes_by_type.begin(), bytes_by_type.end(), same);
    if (found == bytes_by_type.end()) found = bytes_by_type.insert(found, {0, tensor.type});
    found->first += tensor.n_bytes;
  }
  if (bytes_by_type.empty()) return "empty";
  return find_type(std::max_element(bytes_by_type.begin(), bytes_by_type.end())->second)->name;
}

}  // namespace

std::string combined_sha256(const std::vector<fs::path>& files) {
  std::vector<std::string> lines;
  for (const fs::path& file : files)
    lines.push_back(fmt::format("{} {}\n", file.filename().string(), sha256_file(file)));
  std::sort(lines.begin(), lines.end());
  return sha256_hex(fmt::format("{}", fmt::join(lines, "")));
}

std::string gguf_sha256(const GgufParts& parts) {
  std::vector<fs::path> files;
  for (const auto& file : parts.files()) files.emplace_back(file->file());
  return files.size() == 1 ? sha256_file(files.front()) : combined_sha256(files);
}

ModelFile load_gguf(const fs::path& path, HashFile hash, Residency residency) {
  const auto parts = std::make_shared<const GgufParts>(path);
  check_architecture(parts->first());
  const LlamaConfig config = read_config(*parts);
  ModelFile model;
  model.tokenizer = read_gguf_tokenizer(parts->first());
  check_all_tensors(*parts, config);
  model.name = model_name(parts->first(), path);
  model.weights = allocate_weights(config, Residency::AsStored);
  for (const GgufSlot& slot : gguf_slots(model.weights)) {
    const GgufParts::Found found = parts->find_tensor(slot.name);
    if (!found) continue;  // a bias: zeros
    if (slot.matrix) {
      *slot.matrix = read_matrix(parts, found, slot.order, config, residency);
    } else {
      read_vector(found, slot, config.head_dim);
    }
  }
  if (hash == HashFile::Yes) model.sha256 = gguf_sha256(*parts);
  return model;
}

ModelInfo read_gguf_info(const fs::path& path) {
  const GgufParts parts(path);
  check_architecture(parts.first());
  ModelInfo info;
  info.config = read_config(parts);
  info.tokenizer = read_gguf_tokenizer(parts.first());
  info.name = model_name(parts.first(), path);
  info.file_type = file_type_name(parts);
  info.file_bytes = parts.n_bytes();
  for (const auto& [file, tensor] : parts.tensors()) {
    if (tensor->dims.size() != 2) continue;
    std::uint64_t& part = tensor->name == "token_embd.weight" ? info.stored.embedding
                          : tensor->name == "output.weight"   ? info.stored.head
                                                              : info.stored.linears;
    part += tensor->n_bytes;
  }
  return info;
}

}  // namespace faqsmith
