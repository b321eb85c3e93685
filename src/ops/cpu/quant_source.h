// One block of a file taken apart: unsigned codes in the order of the elements, scales as they stand there.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/quant_matmul.h"

namespace faqsmith::quant {

struct SourceBlock {
  std::uint8_t codes[256] = {};   // 32 or 256 of them
  std::uint16_t d = 0, dmin = 0;  // float16; dmin is the minimum itself in blocks of 32
  std::uint8_t scales[16] = {};   // of a super-block's groups: 8 or 16; Q3_K's and Q6_K's are signed, Q2_K's hold both
  std::uint8_t mins[16] = {};     // Q4_K, Q5_K: 8
};

void take_apart(GgmlType type, const std::byte* in, SourceBlock& out);

}  // namespace faqsmith::quant
