// float32 to ggml's number formats: what export writes. Promise: F16, BF16, Q8_0, Q4_0 and Q5_0 are bit for bit what
// the reference implementation computes (ggml; the PyPI package gguf for all but Q5_0). Q4_K and Q6_K are searches of
// our own for small squared errors (quantize_k.cc says how); the same values give the same bytes on every machine.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tensor/block_type.h"

namespace faqsmith {

[[nodiscard]] bool can_quantize(GgmlType type);  // F32, F16, BF16, Q8_0, Q4_0, Q5_0, Q4_K, Q6_K
// Bytes that n elements take; n is a multiple of the type's block.
[[nodiscard]] std::uint64_t quantized_bytes(GgmlType type, std::uint64_t n);
// values: finite, whole blocks. Uses all cores. Throws Error(Input) naming the tensor if a value or a block's scale
// does not fit into the type.
[[nodiscard]] std::vector<std::byte> quantize(GgmlType type, std::span<const float> values, const std::string& tensor);

}  // namespace faqsmith
