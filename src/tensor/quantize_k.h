// Super-blocks of 256 values to Q4_K and Q6_K. For quantize.cc only; what a caller needs is there. Layouts:
// quants_k.cc.
#pragma once
#include <cstddef>

namespace faqsmith {

void quantize_block_q4_k(const float* x, std::byte* out);  // x[256] -> 144 bytes
void quantize_block_q6_k(const float* x, std::byte* out);  // x[256] -> 210 bytes

}  // namespace faqsmith
