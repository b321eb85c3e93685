// How GGUF names, shapes and orders a Llama model's tensors: the one place both reading and writing go by.
// GGUF stores the rows of Q and K (and their biases) so that the two halves of each head interleave (llama.cpp rotates
// neighbours, Hugging Face rotates halves): row 2j + s of a head in GGUF is row s·(head_dim / 2) + j in Hugging Face's
// order.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "formats/gguf_parts.h"
#include "model/weights.h"

namespace faqsmith {

struct GgufShape {
  std::string name;          // "blk.3.attn_q.weight"
  Shape shape;               // outermost first, as in memory
  std::string hf_name = {};  // "model.layers.3.self_attn.q_proj.weight"
  std::int64_t layer = -1;   // as in ModelTensor
  std::optional<Linear> linear = std::nullopt;
  RowOrder order = RowOrder::Same;
};
// Every tensor of such a model, in the order that llama.cpp's converter writes.
[[nodiscard]] std::vector<GgufShape> gguf_shapes(const LlamaConfig& config);
// A bias may be absent from a file though others of its kind are there: it is zero.
[[nodiscard]] bool may_be_absent(const std::string& gguf_name);

// Where the values of a tensor live, in Hugging Face's order: a norm or bias, or a matrix.
struct GgufSlot {
  std::string name;
  Buffer<float>* vector = nullptr;
  WeightMatrix* matrix = nullptr;
  RowOrder order = RowOrder::Same;
};
struct ConstGgufSlot {
  std::string name;
  const Buffer<float>* vector = nullptr;
  const WeightMatrix* matrix = nullptr;
  RowOrder order = RowOrder::Same;
  [[nodiscard]] const Shape& shape() const { return matrix ? matrix->shape() : vector->shape(); }
};
[[nodiscard]] std::vector<GgufSlot> gguf_slots(Weights& weights);  // the same tensors in the same order
[[nodiscard]] std::vector<ConstGgufSlot> gguf_slots(const Weights& weights);

// weights.h's functions for GGUF files.
[[nodiscard]] ModelFile load_gguf(const fs::path& path, HashFile hash, Residency residency);
[[nodiscard]] ModelInfo read_gguf_info(const fs::path& path);
[[nodiscard]] std::string gguf_sha256(const GgufParts& parts);

// One hash for several files: SHA-256 over the lines "name hash" in the order of the names.
[[nodiscard]] std::string combined_sha256(const std::vector<fs::path>& files);

}  // namespace faqsmith
