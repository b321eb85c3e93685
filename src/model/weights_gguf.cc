// GGUF metadata and tensors to a Llama model in memory.
#include "model/weights_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <initializer_list>
#include <unordered_set>

#include "base/hash.h"
#include "formats/gguf.h"
#include "model/tokenizer_gguf.h"
#include "model/weights_gguf_rope.h"
#include "sys/parallel.h"
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
  for (const auto& [name, shape] : gguf_shapes(config)) {
    check_tensor(parts, name, shape);
    known.insert(name);
  }
  for (const auto& [file, tensor] : parts.tensors()) {
    if (!known.contains(tensor->name))
      refuse(*file, fmt::format("tensor \"{}\" is not part of a Llama model that faqsmith knows", tensor->name));
  }
}

// One row at a time, so that a permuted row is written where it belongs. Returns the lowest index (in the file's order)
// of a value that is no number, or n_elements.
std::int64_t read_tensor(const GgufFile& file, const GgufTensor& tensor, const GgufSlot& slot, std::int64_t head_dim) {
  const std::span<const std::byte> bytes = file.data(tensor);
  const std::int64_t row_elements = tensor.dims[0];
  const std::int64_t n_rows = tensor.n_elements / row_elements;
  const std::size_t row_bytes = bytes.size() / static_cast<std::size_t>(n_rows);
  std::atomic<std::int64_t> first_bad = tensor.n_elements;
  parallel_for(n_rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t target = slot.order == RowOrder::Same || n_rows == 1 ? row : hf_row(row, head_dim);
      float* out = slot.tensor->data() + target * row_elements;
      dequantize(static_cast<GgmlType>(tensor.type),
                 bytes.subspan(static_cast<std::size_t>(row) * row_bytes, row_bytes), out, row_elements);
      const auto bad = std::find_if(out, out + row_elements, [](float x) { return !std::isfinite(x); });
      if (bad == out + row_elements) continue;
      const std::int64_t index = row * row_elements + (bad - out);
      std::int64_t seen = first_bad.load();
      while (index < seen && !first_bad.compare_exchange_weak(seen, index)) {
      }
      break;
    }
  });
  return first_bad.load();
}

// The values of a bias, which stand in one row of the file.
void permute_bias(Buffer<float>& bias, std::int64_t head_dim) {
  const std::vector<float> stored(bias.data(), bias.data() + bias.size());
  for (std::int64_t i = 0; i < bias.size(); ++i) bias[hf_row(i, head_dim)] = stored[static_cast<std::size_t>(i)];
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

std::int64_t gguf_row(std::int64_t hf_row, std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  const std::int64_t head = hf_row / head_dim, within = hf_row % head_dim;
  return head * head_dim + 2 * (within % half) + within / half;
}

std::int64_t hf_row(std::int64_t gguf_row, std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  const std::int64_t head = gguf_row / head_dim, within = gguf_row % head_dim;
  return head * head_dim + within % 2 * half + within / 2;
}

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

ModelFile load_gguf(const fs::path& path, HashFile hash) {
  const GgufParts parts(path);
  check_architecture(parts.first());
  const LlamaConfig config = read_config(parts);
  ModelFile model;
  model.tokenizer = read_gguf_tokenizer(parts.first());
  check_all_tensors(parts, config);
  model.name = model_name(parts.first(), path);
  model.weights = allocate_weights(config);
  for (const GgufSlot& slot : gguf_slots(model.weights)) {
    const auto [file, tensor] = parts.find_tensor(slot.name);
    if (!tensor) continue;  // a bias: zeros
    const std::int64_t bad = read_tensor(*file, *tensor, slot, config.head_dim);
    if (bad < tensor->n_elements) {
      refuse(*file, fmt::format("tensor \"{}\" is not a finite number at index {}", slot.name, bad),
             "the file is damaged or the model diverged in training: use another one");
    }
    if (slot.order == RowOrder::PairedHalves && slot.tensor->shape().rank == 1)
      permute_bias(*slot.tensor, config.head_dim);
  }
  if (hash == HashFile::Yes) model.sha256 = gguf_sha256(parts);
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
  return info;
}

}  // namespace faqsmith
