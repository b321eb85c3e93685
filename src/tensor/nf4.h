// A matrix in 4 bits a value: NormalFloat with double quantisation, QLoRA's format (Dettmers et al. 2023, arXiv
// 2305.14314; the constants are those of its published implementation, bitsandbytes). The values, row after row, are
// cut into blocks of
// 64. A block keeps its largest magnitude and for each value the nearest of 16 levels in [-1, 1]:
//   value = level[code] * absmax,  absmax = step[q] * scale + offset.
// offset is the mean of the matrix's absmax; what remains of them is kept in 8 bits, in blocks of 256 that share the
// float32 scale = largest magnitude, as the nearest of 256 steps in [-1, 1] (bitsandbytes' signed dynamic map).
// About 4.13 bits a value in all. Immutable once made; any number of threads may read it.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "tensor/buffer.h"
#include "tensor/row_source.h"

namespace faqsmith {

inline constexpr std::int64_t kNf4Block = 64, kNf4ScaleBlock = 256;

[[nodiscard]] const std::array<float, 16>& nf4_levels();         // rising
[[nodiscard]] const std::array<float, 256>& nf4_absmax_steps();  // rising
// Index of the nearest; halfway between two the lower one.
[[nodiscard]] std::uint8_t nearest_nf4_level(float value);        // in [-1, 1]
[[nodiscard]] std::uint8_t nearest_nf4_absmax_step(float value);  // in [-1, 1]

class Nf4Matrix final : public RowSource {
 public:
  explicit Nf4Matrix(const RowSource& source);  // reads it once, a few rows at a time, with all cores
  [[nodiscard]] const Shape& shape() const override { return shape_; }
  void decode_rows(std::int64_t first, std::int64_t n, float* out) const override;
  [[nodiscard]] std::uint64_t bytes() const { return forecast_bytes(shape_); }
  [[nodiscard]] static std::uint64_t forecast_bytes(const Shape& shape);
  // The parts, for kernels and tests. Value i of the matrix has the high half of byte i / 2 where i is even.
  [[nodiscard]] const Buffer<std::uint8_t>& codes() const { return codes_; }    // [values / 2]
  [[nodiscard]] const Buffer<std::uint8_t>& absmax() const { return absmax_; }  // [blocks]: q
  [[nodiscard]] const Buffer<float>& scales() const { return scales_; }         // [blocks / 256]
  [[nodiscard]] float offset() const { return offset_; }
  [[nodiscard]] float block_absmax(std::int64_t block) const;

 private:
  void quantize_rows(const RowSource& source, Buffer<float>& absmax);
  void quantize_absmax(const Buffer<float>& absmax);
  Shape shape_;
  Buffer<std::uint8_t> codes_, absmax_;
  Buffer<float> scales_;
  float offset_ = 0;
};

}  // namespace faqsmith
