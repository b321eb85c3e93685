// The K-quants of ggml: super-blocks of 256 elements whose sub-blocks have small integer scales of their own.
// For quants.cc only; what a caller needs is there. Source: ggml's block layouts (github.com/ggml-org/ggml,
// ggml-common.h).
#pragma once
#include <cstddef>
#include <cstdint>

namespace faqsmith {

inline constexpr std::int64_t kSuperBlock = 256;  // elements

// Each reads `blocks` blocks of 84, 110, 144, 176 or 210 bytes and writes 256 values a block.
void dequantize_q2_k(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q3_k(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q4_k(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q5_k(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q6_k(const std::byte* in, float* out, std::int64_t blocks);

}  // namespace faqsmith
