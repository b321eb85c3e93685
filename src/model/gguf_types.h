// In which of ggml's types each tensor of a GGUF file is written. Norms, biases and other vectors stay in F32, as
// llama.cpp wants them. Source: llama.cpp's llama-quantize (src/llama-quant.cpp) without importance matrix, for Llama
// models:
//   F16, BF16, Q8_0   every matrix
//   Q4_0              every matrix, but the head (a tied embedding too) in Q6_K
//   Q4_K              "Q4_K_M": the head in Q6_K, and attn_v and ffn_down in Q6_K in the first and last eighth of the
//                     layers and every third one between
// A row that 256 does not divide cannot be a K-quant: Q4_K becomes Q5_0 and Q6_K becomes Q8_0; one that 32 does not
// divide becomes F16.
#pragma once
#include <string>
#include <vector>

#include "model/weights.h"
#include "tensor/block_type.h"

namespace faqsmith {

struct GgufTensorType {
  std::string name;  // GGUF's
  GgmlType type = GgmlType::F32;
  GgmlType wanted = GgmlType::F32;  // differs from type where a row's width forbids it
};
// By gguf_shapes().
[[nodiscard]] std::vector<GgufTensorType> gguf_tensor_types(const LlamaConfig& config, GgufFloat kind);

[[nodiscard]] const char* gguf_kind_name(GgufFloat kind);    // "f32", "bf16", "q4_k" …
[[nodiscard]] std::uint32_t gguf_file_type(GgufFloat kind);  // general.file_type, llama.cpp's LLAMA_FTYPE

}  // namespace faqsmith
