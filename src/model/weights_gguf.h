// How GGUF names, shapes and orders a Llama model's tensors: the one place both reading and writing go by.
// GGUF stores the rows of Q and K (and their biases) so that the two halves of each head interleave (llama.cpp rotates
// neighbours, Hugging Face rotates halves): row 2j + s of a head in GGUF is row s·(head_dim / 2) + j in Hugging Face's
// order.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "formats/gguf_parts.h"
#include "model/weights.h"

namespace faqsmith {

enum class RowOrder { Same, PairedHalves };  // PairedHalves: Q and K, permuted as above

struct GgufShape {
  std::string name;  // "blk.3.attn_q.weight"
  Shape shape;       // outermost first, as in memory
};
// Every tensor of such a model, in the order that llama.cpp's converter writes.
[[nodiscard]] std::vector<GgufShape> gguf_shapes(const LlamaConfig& config);
// A bias may be absent from a file though others of its kind are there: it is zero.
[[nodiscard]] bool may_be_absent(const std::string& gguf_name);

template <class Tensor>
struct BasicGgufSlot {
  std::string name;
  Tensor* tensor;  // where its values live, in Hugging Face's order
  RowOrder order = RowOrder::Same;
};
using GgufSlot = BasicGgufSlot<Buffer<float>>;
using ConstGgufSlot = BasicGgufSlot<const Buffer<float>>;
[[nodiscard]] std::vector<GgufSlot> gguf_slots(Weights& weights);  // the same tensors in the same order
[[nodiscard]] std::vector<ConstGgufSlot> gguf_slots(const Weights& weights);

// The source row in GGUF of Hugging Face row `row`, and back. head_dim is even.
[[nodiscard]] std::int64_t gguf_row(std::int64_t hf_row, std::int64_t head_dim);
[[nodiscard]] std::int64_t hf_row(std::int64_t gguf_row, std::int64_t head_dim);

// weights.h's functions for GGUF files.
[[nodiscard]] ModelFile load_gguf(const fs::path& path, HashFile hash);
[[nodiscard]] ModelInfo read_gguf_info(const fs::path& path);
[[nodiscard]] std::string gguf_sha256(const GgufParts& parts);

// One hash for several files: SHA-256 over the lines "name hash" in the order of the names.
[[nodiscard]] std::string combined_sha256(const std::vector<fs::path>& files);

}  // namespace faqsmith
