// ggml's number formats by number: how many elements share a block and how many bytes it has. Source: ggml
// (github.com/ggml-org/ggml, ggml.h).
#pragma once
#include <cstdint>

namespace faqsmith {

// Element type of a tensor, by ggml's number. Only those that dequantize() knows are named; others keep their number.
enum class GgmlType : std::uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  BF16 = 30
};

struct GgmlTypeInfo {
  const char* name;             // "Q4_1"
  std::int64_t block_elements;  // elements that share one block
  std::int64_t block_bytes;
  bool supported;  // dequantize() reads it
};
[[nodiscard]] const GgmlTypeInfo* find_type(std::uint32_t type);  // nullptr for a number ggml does not use

}  // namespace faqsmith
