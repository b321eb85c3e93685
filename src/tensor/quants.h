// ggml's number formats to float32 (the other way: quantize.h). Promise: bit for bit what the reference implementation
// computes (the PyPI package gguf; golden files tests/golden/quants_*). Blocks of 32: Q8_0 d·q, Q4_0 d·(q-8), Q5_0
// d·(q-16), Q4_1 and Q5_1 d·q+m, with d and m in float16; super-blocks of 256: Q2_K to Q6_K (quants_k.h).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/block_type.h"

namespace faqsmith {

[[nodiscard]] float half_to_float(std::uint16_t half);   // IEEE binary16, subnormals and NaN included
[[nodiscard]] std::uint16_t float_to_half(float value);  // to nearest even; too large becomes infinity

// All of values, or Error(Input) naming the tensor if a finite value would become infinite.
[[nodiscard]] std::vector<std::uint16_t> to_halves(std::span<const float> values, const std::string& tensor);

// The same in bf16, the upper half of a float32, rounded to nearest even.
[[nodiscard]] std::vector<std::uint16_t> to_bf16s(std::span<const float> values, const std::string& tensor);

// out[n]; bytes hold exactly n elements of the type, n a multiple of its block. The type must be supported.
void dequantize(GgmlType type, std::span<const std::byte> bytes, float* out, std::int64_t n);

}  // namespace faqsmith
