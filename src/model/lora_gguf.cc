// llama.cpp's adapter file: general.type "adapter", adapter.type "lora", adapter.lora.alpha, and for each linear
// blk.N.attn_q.weight.lora_a and .lora_b. Its scale is alpha / rank, so a rank-stabilised scale is folded into alpha.
// Rows of B are rows of the weight: those of Q and K stand in GGUF's order. Source: llama.cpp (src/llama-adapter.cpp,
// convert_lora_to_gguf.py).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <system_error>

#include "formats/gguf.h"
#include "model/lora.h"
#include "model/weights_gguf.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

constexpr const char* kTypeKey = "general.type";
constexpr const char* kAdapterTypeKey = "adapter.type";
constexpr const char* kAlphaKey = "adapter.lora.alpha";

[[noreturn]] void refuse(const GgufFile& file, const std::string& reason,
                         const std::string& hint = "use a plain LoRA adapter of this base model") {
  throw Error(Kind::Input, fmt::format("{}: {}", file.file(), reason), hint);
}

// A linear of a model with its GGUF name.
struct Place {
  std::string name;  // "blk.3.attn_q.weight"
  std::int64_t layer;
  Linear linear;
  Shape shape;  // [out, in]
  RowOrder order;
};

std::vector<Place> places_of(const LlamaConfig& config) {
  std::vector<Place> out;
  for (const GgufShape& tensor : gguf_shapes(config)) {
    if (tensor.linear) out.push_back({tensor.name, tensor.layer, *tensor.linear, tensor.shape, tensor.order});
  }
  return out;
}

Buffer<float> permuted(const Buffer<float>& b, std::int64_t head_dim,
                       std::int64_t (*source)(std::int64_t, std::int64_t)) {
  Buffer<float> out(b.shape());
  const std::int64_t rank = b.shape()[1];
  for (std::int64_t row = 0; row < b.shape()[0]; ++row)
    std::copy_n(b.data() + source(row, head_dim) * rank, rank, out.data() + row * rank);
  return out;
}

Buffer<float> read_matrix(const GgufFile& file, const std::string& name, std::int64_t rows, std::int64_t columns) {
  const GgufTensor* tensor = file.find_tensor(name);
  if (!tensor) refuse(file, fmt::format("tensor \"{}\" is missing", name));
  if (tensor->dims != std::vector{columns, rows}) {
    refuse(file, fmt::format("tensor \"{}\" is [{}], but the base model needs [{}, {}]", name,
                             fmt::join(tensor->dims, ", "), columns, rows));
  }
  const GgmlTypeInfo& type = *find_type(tensor->type);
  if (!type.supported) refuse(file, fmt::format("not supported yet: {} (tensor \"{}\")", type.name, name));
  Buffer<float> out({rows, columns});
  dequantize(static_cast<GgmlType>(tensor->type), file.data(*tensor), out.data(), out.size());
  const float* bad = std::find_if(out.data(), out.data() + out.size(), [](float x) { return !std::isfinite(x); });
  if (bad != out.data() + out.size())
    refuse(file, fmt::format("tensor \"{}\" is not a finite number at index {}", name, bad - out.data()),
           "the file is damaged or the training diverged: use another one");
  return out;
}

void check_kind(const GgufFile& file) {
  const auto* type = file.find<std::string>(kTypeKey);
  if (!type || *type != "adapter") refuse(file, "is no adapter (general.type is not \"adapter\")", "name an adapter");
  const std::string& adapter = file.get<std::string>(kAdapterTypeKey);
  if (adapter != "lora") refuse(file, fmt::format("adapter.type \"{}\" is not supported, only \"lora\" is", adapter));
  const std::string& architecture = file.get<std::string>("general.architecture");
  if (architecture != "llama")
    refuse(file, fmt::format("is an adapter of a \"{}\" model, not of a Llama", architecture));
  if (file.header().metadata.contains("adapter.alora.invocation_tokens"))
    refuse(file, "\"adapter.alora.invocation_tokens\" is not supported yet");
}

// Rank and linears as the file has them: any linears of any layers.
LoraConfig read_config(const GgufFile& file, const std::vector<Place>& places, std::int64_t n_layers) {
  LoraConfig config;
  config.rank = 0;
  config.by_layer.resize(static_cast<std::size_t>(n_layers));
  std::set<std::string> known;
  std::set<Linear> targets;
  for (const Place& place : places) {
    known.insert({place.name + ".lora_a", place.name + ".lora_b"});
    const GgufTensor* a = file.find_tensor(place.name + ".lora_a");
    if (!a && !file.find_tensor(place.name + ".lora_b")) continue;
    if (!a || a->dims.size() != 2)
      refuse(file, fmt::format("tensor \"{}.lora_a\" is missing or no matrix", place.name));
    if (config.rank == 0) config.rank = a->dims[1];
    if (a->dims[1] != config.rank) {
      refuse(file, fmt::format("tensor \"{}\" has rank {}, others have {}: not supported yet", a->name, a->dims[1],
                               config.rank));
    }
    config.by_layer[static_cast<std::size_t>(place.layer)].push_back(place.linear);
    targets.insert(place.linear);
  }
  for (const GgufTensor& tensor : file.header().tensors) {
    if (!known.contains(tensor.name))
      refuse(file, fmt::format("tensor \"{}\" is no adapter of a linear of the base model", tensor.name));
  }
  if (targets.empty()) refuse(file, "holds no adapter tensors");
  config.targets.assign(targets.begin(), targets.end());
  for (auto& linears : config.by_layer) std::sort(linears.begin(), linears.end());
  const auto all = [&](const std::vector<Linear>& linears) { return linears == config.targets; };
  if (std::all_of(config.by_layer.begin(), config.by_layer.end(), all)) config.by_layer.clear();
  const double* alpha = file.find<double>(kAlphaKey);
  // Without alpha llama.cpp adds B A as it is.
  config.alpha = alpha && *alpha != 0 ? static_cast<float>(*alpha) : static_cast<float>(config.rank);
  if (!(config.alpha > 0) || !std::isfinite(config.alpha))
    refuse(file, fmt::format("{} is {}", kAlphaKey, config.alpha));
  return config;
}

}  // namespace

void save_gguf_adapter(const fs::path& path, const LoraWeights& lora, const LlamaConfig& model,
                       const std::string& name) {
  if (lora.config.dora) {
    throw Error(Kind::User, "llama.cpp's adapter files have no words for DoRA's row lengths",
                "export f16 or another merged form, or the PEFT adapter; or train with lora.dora: false");
  }
  GgufWriter out;
  out.add_string("general.architecture", "llama");
  out.add_string(kTypeKey, "adapter");
  out.add_string("general.name", name);
  out.add_uint32("general.file_type", 0);
  out.add_string(kAdapterTypeKey, "lora");
  const float rank = static_cast<float>(lora.config.rank);
  out.add_float32(kAlphaKey, lora.config.rslora ? lora.config.alpha * std::sqrt(rank) : lora.config.alpha);
  const auto pair_of = [&](const Place& place) -> const std::optional<LoraPair>& {
    return lora.layers[static_cast<std::size_t>(place.layer)][static_cast<std::size_t>(place.linear)];
  };
  const std::vector<Place> places = places_of(model);
  for (const Place& place : places) {
    if (!pair_of(place)) continue;
    out.add_tensor(place.name + ".lora_a", {place.shape[1], lora.config.rank}, GgmlType::F32);
    out.add_tensor(place.name + ".lora_b", {lora.config.rank, place.shape[0]}, GgmlType::F32);
  }
  out.begin(path);
  for (const Place& place : places) {
    const auto& pair = pair_of(place);
    if (!pair) continue;
    const auto write = [&](const Buffer<float>& values) {
      out.write_tensor({values.data(), static_cast<std::size_t>(values.size())});
    };
    write(pair->a);
    if (place.order == RowOrder::PairedHalves) {
      write(permuted(pair->b, model.head_dim, hf_row));
    } else {
      write(pair->b);
    }
  }
  out.finish();
}

LoraWeights load_gguf_adapter(const fs::path& path, const LlamaConfig& model) {
  const GgufFile file(path);
  check_kind(file);
  const std::vector<Place> places = places_of(model);
  LoraWeights lora;
  lora.config = read_config(file, places, model.n_layers);
  lora.layers.resize(static_cast<std::size_t>(model.n_layers));
  for (auto& layer : lora.layers) layer.resize(kLinearsPerLayer);
  for (const Place& place : places) {
    if (!lora.config.has(place.layer, place.linear)) continue;
    LoraPair pair{read_matrix(file, place.name + ".lora_a", lora.config.rank, place.shape[1]),
                  read_matrix(file, place.name + ".lora_b", place.shape[0], lora.config.rank)};
    if (place.order == RowOrder::PairedHalves) pair.b = permuted(pair.b, model.head_dim, gguf_row);
    lora.layers[static_cast<std::size_t>(place.layer)][static_cast<std::size_t>(place.linear)] = std::move(pair);
  }
  return lora;
}

LoraWeights load_adapter(const fs::path& path, const LlamaConfig& model) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return load_gguf_adapter(path, model);
  // PEFT's folder itself, an export folder with one in it, or the workspace that has the export folder.
  for (const fs::path& folder : {path, path / "adapter", path / "export" / "adapter"}) {
    if (fs::exists(folder / kPeftConfigFile, error)) return load_peft_adapter(folder, model);
  }
  throw Error(Kind::User, fmt::format("{} is no adapter", path.string()),
              "name a PEFT folder (with adapter_config.json), a GGUF adapter, or a workspace that exported an adapter");
}

}  // namespace faqsmith
