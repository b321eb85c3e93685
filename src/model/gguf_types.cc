// The table of kinds, and which tensors get more bits.
#include "model/gguf_types.h"

#include <array>
#include <charconv>
#include <string_view>

#include "model/weights_gguf.h"

namespace faqsmith {
namespace {

struct Kind {
  const char* name;
  std::uint32_t file_type;  // LLAMA_FTYPE_ALL_F32, _MOSTLY_F16, …
  GgmlType matrix;          // of most matrices
  GgmlType head;            // of output.weight, and of token_embd.weight where it is the head too
};
constexpr std::array<Kind, 6> kKinds = {{{"f32", 0, GgmlType::F32, GgmlType::F32},
                                         {"f16", 1, GgmlType::F16, GgmlType::F16},
                                         {"bf16", 32, GgmlType::BF16, GgmlType::BF16},
                                         {"q8_0", 7, GgmlType::Q8_0, GgmlType::Q8_0},
                                         {"q4_0", 2, GgmlType::Q4_0, GgmlType::Q6_K},
                                         {"q4_k", 15, GgmlType::Q4_K, GgmlType::Q6_K}}};

const Kind& find_kind(GgufFloat kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

// Of "blk.17.attn_v.weight" 17; -1 for tensors of no layer.
std::int64_t layer_of(std::string_view name) {
  std::int64_t layer = -1;
  constexpr std::string_view kPrefix = "blk.";
  if (name.starts_with(kPrefix)) std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return layer;
}

// Layers whose attn_v and ffn_down matter most.
bool needs_more_bits(std::int64_t layer, std::int64_t n_layers) {
  return layer < n_layers / 8 || layer >= 7 * n_layers / 8 || (layer - n_layers / 8) % 3 == 2;
}

GgmlType wanted_type(const std::string& name, const Kind& kind, const LlamaConfig& config) {
  const char* head = config.tied_embeddings ? "token_embd.weight" : "output.weight";
  if (name == head) return kind.head;
  const bool sensitive = name.ends_with("attn_v.weight") || name.ends_with("ffn_down.weight");
  if (kind.matrix == GgmlType::Q4_K && sensitive && needs_more_bits(layer_of(name), config.n_layers))
    return GgmlType::Q6_K;
  return kind.matrix;
}

bool divides(GgmlType type, std::int64_t width) {
  return width % find_type(static_cast<std::uint32_t>(type))->block_elements == 0;
}

GgmlType type_for_width(GgmlType type, std::int64_t width) {
  if (divides(type, width)) return type;
  if (type == GgmlType::Q4_K) type = GgmlType::Q5_0;
  if (type == GgmlType::Q6_K) type = GgmlType::Q8_0;
  return divides(type, width) ? type : GgmlType::F16;
}

}  // namespace

std::vector<GgufTensorType> gguf_tensor_types(const LlamaConfig& config, GgufFloat kind) {
  std::vector<GgufTensorType> out;
  for (const GgufShape& tensor : gguf_shapes(config)) {
    out.push_back({tensor.name});
    if (tensor.shape.rank != 2) continue;
    out.back().wanted = wanted_type(tensor.name, find_kind(kind), config);
    out.back().type = type_for_width(out.back().wanted, tensor.shape[1]);
  }
  return out;
}

const char* gguf_kind_name(GgufFloat kind) {
  return find_kind(kind).name;
}

std::uint32_t gguf_file_type(GgufFloat kind) {
  return find_kind(kind).file_type;
}

}  // namespace faqsmith
