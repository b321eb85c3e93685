// How quantised weights lie in memory. 16 rows form a panel; along a row 32 columns form a chunk. A chunk's 512 codes
// are unsigned and cut into bit planes of whole 64-byte vectors, whose 32-bit lane r belongs to row r:
//   8 bits: vector j holds columns 4j .. 4j+3, one a byte
//   4 bits: vector j the same for quad j in the low nibbles and quad j + 4 in the high ones
//   2 bits: vector t, bits 2p and 2p+1: quad 2p + t
//   1 bit:  bit j: quad j
// 6, 5 and 3 bits are two planes, the wider one (the lower bits) first. A value is scale * (code - offset), or
// scale * code + min. Scales of 32-blocks: float16 as in the file. Scales of super-blocks: float16 for 256 columns and
// an integer for each 16 or 32.
// A panel: all chunks' codes, then all scales; both start at multiples of 64 bytes. Read once from front to back.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "ops/cpu/kernel.h"
#include "ops/quant_matmul.h"
#include "tensor/buffer.h"

namespace faqsmith::quant {

constexpr std::int64_t kPanelRows = 16, kChunk = 32, kQuads = 8, kSuperBlock = 256;
constexpr std::int64_t kVector = 64;              // bytes
constexpr std::int64_t kHalves = 2 * kPanelRows;  // bytes of a float16 for each row
constexpr std::int64_t kSuperChunks = kSuperBlock / kChunk;

struct Format {
  int bits = 8;
  int group = 32;  // columns of one scale
  bool is_super = false;
  bool has_min = false;  // else offset
  int offset_log2 = 0;
  bool signed_scale = false;  // of a super-block's groups
  bool packed_scale = false;  // scale in the low nibble, min in the high one

  [[nodiscard]] constexpr int groups() const { return static_cast<int>(kChunk) / group; }  // of a chunk
  [[nodiscard]] constexpr std::int64_t block() const { return is_super ? kSuperBlock : kChunk; }
  [[nodiscard]] constexpr std::int64_t chunk_codes() const { return kVector * bits; }  // bytes
  // Bytes of scales for a block of the panel's rows.
  [[nodiscard]] constexpr std::int64_t block_scales() const {
    const std::int64_t halves = has_min ? 2 * kHalves : kHalves;
    if (!is_super) return halves;
    const std::int64_t per_group = has_min && !packed_scale ? 2 * kPanelRows : kPanelRows;
    return halves + kSuperBlock / group * per_group;
  }
  // Where the low bits' plane ends and the narrow plane begins.
  [[nodiscard]] constexpr int wide_bits() const { return bits == 8 ? 8 : (bits >= 4 ? 4 : 2); }
};

constexpr Format format_of(GgmlType type) {
  switch (type) {
    case GgmlType::Q8_0:
      return {.bits = 8, .offset_log2 = 7};
    case GgmlType::Q4_0:
      return {.bits = 4, .offset_log2 = 3};
    case GgmlType::Q4_1:
      return {.bits = 4, .has_min = true};
    case GgmlType::Q5_0:
      return {.bits = 5, .offset_log2 = 4};
    case GgmlType::Q5_1:
      return {.bits = 5, .has_min = true};
    case GgmlType::Q2_K:
      return {.bits = 2, .group = 16, .is_super = true, .has_min = true, .packed_scale = true};
    case GgmlType::Q3_K:
      return {.bits = 3, .group = 16, .is_super = true, .offset_log2 = 2, .signed_scale = true};
    case GgmlType::Q4_K:
      return {.bits = 4, .is_super = true, .has_min = true};
    case GgmlType::Q5_K:
      return {.bits = 5, .is_super = true, .has_min = true};
    case GgmlType::Q6_K:
      return {.bits = 6, .group = 16, .is_super = true, .offset_log2 = 5, .signed_scale = true};
    default:
      return {.bits = 0};  // no blocks: has_quant_kernel() says so
  }
}

constexpr std::int64_t round_up_to_vector(std::int64_t bytes) {
  return (bytes + kVector - 1) / kVector * kVector;
}

// Panels of one part.
struct Part {
  GgmlType type = GgmlType::Q8_0;
  std::int64_t rows = 0, first_row = 0;  // first_row: in the stacked matrix
  std::int64_t chunks = 0;               // of a row
  std::int64_t scales_at = 0, panel_bytes = 0;
  std::uint8_t* data = nullptr;  // [panels, panel_bytes], in the matrix's arena

  [[nodiscard]] std::int64_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  [[nodiscard]] std::int64_t bytes() const { return panels() * panel_bytes; }
  [[nodiscard]] const std::uint8_t* panel(std::int64_t i) const { return data + i * panel_bytes; }
};

// The processor's own prefetch stops at a page's end and waits for a pattern after it; a panel is a page or two.
constexpr std::int64_t kBytesAhead = 4096;
inline __attribute__((always_inline)) void fetch_ahead(const std::uint8_t* codes, std::int64_t n_codes,
                                                       const std::uint8_t* scales) {
  for (std::int64_t line = 0; line < n_codes; line += kVector) __builtin_prefetch(codes + kBytesAhead + line);
  __builtin_prefetch(scales + kBytesAhead);
}

// Memory that a thread keeps between calls; what it held may be lost.
template <class T>
void reserve(Buffer<T>& buffer, std::int64_t n) {
  if (buffer.size() < n) buffer = Buffer<T>({n});
}

// Rows of x in 8 bits, in groups of up to kGroupRows rows that a kernel takes together; the last group may be smaller.
// All arrays of a group run [chunk][row of the group], rows tight.
constexpr std::int64_t kGroupRows = 16;
struct Activations {
  std::int64_t rows = 0, chunks = 0;
  int groups = 1;                     // sums of a chunk: 1, or 2 of 16 columns each
  Buffer<std::int8_t> codes;          // [m * chunks * 32]
  Buffer<float> scales;               // [m * chunks]
  Buffer<std::int32_t> negated_sums;  // [m * chunks * groups]: minus the sum of the codes
  Buffer<float> scaled_sums;          // [m * chunks * groups]: the sum times the scale
};

// Grows the buffers as needed.
template <class T>
void quantise(In<T> x, int groups, Activations& out);  // float, bf16

// n rows of one group of Activations, from some row of it on: pointers to that row in chunk 0, and the distance between
// chunks in rows (the group's size).
struct RowSlice {
  const std::int8_t* codes;
  const float* scales;
  const std::int32_t* negated_sums;
  const float* scaled_sums;
  std::int64_t stride;
  bool comes_first = false;  // of the rows that the panel is multiplied with: it may have to come from memory
};

// y[n][16] = the slice's n rows times one panel.
using PanelKernel = void (*)(const std::uint8_t* codes, const std::uint8_t* scales, std::int64_t chunks,
                             const RowSlice& x, float* y);
// The kernel for exactly n_rows rows, nullptr if there is none; n_rows = 1 always exists.
[[nodiscard]] PanelKernel plain_kernel(GgmlType type, std::int64_t n_rows);
[[nodiscard]] PanelKernel avx2_kernel(GgmlType type, std::int64_t n_rows);
[[nodiscard]] PanelKernel vnni_kernel(GgmlType type, std::int64_t n_rows);

// pick.operator()<Format>() for the type's format, a pointer; nullptr if it has none.
template <class Pick>
auto for_format(GgmlType type, Pick pick) -> decltype(pick.template operator()<format_of(GgmlType::Q8_0)>()) {
  switch (type) {
    case GgmlType::Q8_0:
      return pick.template operator()<format_of(GgmlType::Q8_0)>();
    case GgmlType::Q4_0:
      return pick.template operator()<format_of(GgmlType::Q4_0)>();
    case GgmlType::Q4_1:
      return pick.template operator()<format_of(GgmlType::Q4_1)>();
    case GgmlType::Q5_0:
      return pick.template operator()<format_of(GgmlType::Q5_0)>();
    case GgmlType::Q5_1:
      return pick.template operator()<format_of(GgmlType::Q5_1)>();
    case GgmlType::Q2_K:
      return pick.template operator()<format_of(GgmlType::Q2_K)>();
    case GgmlType::Q3_K:
      return pick.template operator()<format_of(GgmlType::Q3_K)>();
    case GgmlType::Q4_K:
      return pick.template operator()<format_of(GgmlType::Q4_K)>();
    case GgmlType::Q5_K:
      return pick.template operator()<format_of(GgmlType::Q5_K)>();
    case GgmlType::Q6_K:
      return pick.template operator()<format_of(GgmlType::Q6_K)>();
    default:
      return nullptr;
  }
}

// The code of one element of a chunk, for code that need not be fast.
template <class Byte>
KERNEL_INLINE int code_at(const Byte* chunk, const Format& f, std::int64_t row, std::int64_t column) {
  const std::int64_t quad = column / 4, lane = row * 4 + column % 4;
  const Byte* const narrow = chunk + kVector * f.wide_bits();
  const int narrow_bits = f.bits - f.wide_bits();
  int code = 0;
  if (f.wide_bits() == 8) return chunk[quad * kVector + lane];
  if (f.wide_bits() == 4) {
    code = (chunk[quad % 4 * kVector + lane] >> (quad / 4 * 4)) & 15;
  } else {
    code = (chunk[quad % 2 * kVector + lane] >> (quad / 2 * 2)) & 3;
  }
  if (narrow_bits == 2) code |= ((narrow[quad % 2 * kVector + lane] >> (quad / 2 * 2)) & 3) << f.wide_bits();
  if (narrow_bits == 1) code |= ((narrow[lane] >> quad) & 1) << f.wide_bits();
  return code;
}

}  // namespace faqsmith::quant

namespace faqsmith {

struct QuantMatrix::Impl {
  std::int64_t in = 0, out = 0;
  std::shared_ptr<Arena> arena;
  std::vector<quant::Part> parts;
};

}  // namespace faqsmith
