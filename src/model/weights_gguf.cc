// GGUF metadata and tensors to a Llama model in memory.
#include "model/weights_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <unordered_set>

#include "base/hash.h"
#include "formats/gguf.h"
#include "formats/quants.h"
#include "model/tokenizer_gguf.h"
#include "sys/parallel.h"

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
  const auto* scaling = file.find<std::string>("llama.rope.scaling.type");
  if ((scaling && *scaling != "none") || file.find_tensor("rope_freqs.weight")) {
    refuse(file, "scaled rotary embedding is not supported yet", "choose a model without RoPE scaling");
  }
}

LlamaConfig read_config(const GgufFile& file) {
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
  config.tied_embeddings = file.find_tensor("output.weight") == nullptr;
  validate(config, file.file());
  return config;
}

std::string model_name(const GgufFile& file, const fs::path& path) {
  const auto* name = file.find<std::string>("general.name");
  return name && !name->empty() ? *name : path.stem().string();
}

// Shapes, names and types, before any memory is allocated for weights.
void check_tensor(const GgufFile& file, const std::string& name, const Shape& shape) {
  const GgufTensor* tensor = file.find_tensor(name);
  if (!tensor) refuse(file, fmt::format("tensor \"{}\" is missing", name));
  std::vector<std::int64_t> expected;
  for (int d = shape.rank - 1; d >= 0; --d) expected.push_back(shape[d]);
  if (tensor->dims != expected) {
    refuse(file, fmt::format("tensor \"{}\" is [{}], but the metadata say [{}]", name, fmt::join(tensor->dims, ", "),
                             fmt::join(expected, ", ")));
  }
  const GgmlTypeInfo& type = *find_type(tensor->type);
  if (!type.supported) {
    refuse(file, fmt::format("not supported yet: {} (tensor \"{}\")", type.name, name),
           "choose a file with F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 or Q2_K to Q6_K tensors");
  }
}

// A name that the model does not use may change what it computes (a bias, an adapter): never ignored in silence.
void check_all_tensors(const GgufFile& file, const LlamaConfig& config) {
  constexpr std::int64_t kTensorsPerLayer = 9;
  const auto n = static_cast<std::int64_t>(file.header().tensors.size());
  if (config.n_layers > n / kTensorsPerLayer) {
    refuse(file, fmt::format("{} layers need more than the file's {} tensors", config.n_layers, n));
  }
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding && embedding->dims.size() == 2 && embedding->dims[1] != config.vocab_size) {
    refuse(file, fmt::format("the vocabulary has {} tokens, but the embedding has {} rows", config.vocab_size,
                             embedding->dims[1]));
  }
  std::unordered_set<std::string> known;
  for (const auto& [name, shape] : gguf_shapes(config)) {
    check_tensor(file, name, shape);
    known.insert(name);
  }
  for (const GgufTensor& tensor : file.header().tensors) {
    if (!known.contains(tensor.name))
      refuse(file, fmt::format("tensor \"{}\" is not part of a Llama model that faqsmith knows", tensor.name));
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
      const std::int64_t target = slot.order == RowOrder::Same ? row : hf_row(row, head_dim);
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

std::string file_type_name(const GgufFile& file) {
  // The type that most bytes of the file have, as people name quantised files.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> bytes_by_type;
  for (const GgufTensor& tensor : file.header().tensors) {
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

ModelFile load_model(const fs::path& path, HashFile hash) {
  const GgufFile file(path);
  check_architecture(file);
  const LlamaConfig config = read_config(file);
  ModelFile model;
  model.tokenizer = read_gguf_tokenizer(file);
  check_all_tensors(file, config);
  model.name = model_name(file, path);
  model.weights = allocate_weights(config);
  for (const GgufSlot& slot : gguf_slots(model.weights)) {
    const GgufTensor& tensor = *file.find_tensor(slot.name);
    const std::int64_t bad = read_tensor(file, tensor, slot, config.head_dim);
    if (bad < tensor.n_elements) {
      refuse(file, fmt::format("tensor \"{}\" is not a finite number at index {}", slot.name, bad),
             "the file is damaged or the model diverged in training: use another one");
    }
  }
  if (hash == HashFile::Yes) {
    const auto bytes = file.bytes();
    model.sha256 = sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  return model;
}

ModelInfo read_model_info(const fs::path& path) {
  const GgufFile file(path);
  check_architecture(file);
  ModelInfo info;
  info.config = read_config(file);
  info.tokenizer = read_gguf_tokenizer(file);
  info.name = model_name(file, path);
  info.file_type = file_type_name(file);
  info.file_bytes = file.bytes().size();
  return info;
}

}  // namespace faqsmith
