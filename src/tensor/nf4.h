// A matrix in 4 bits a value: NormalFloat with double quantisation, QLoRA's format (Dettmers et al. 2023, arXiv
// 2305.14314; the constants are those of its published implementation, bitsandbytes). The values, row after row, are
// cut into blocks of
// 64. A block keeps its largest magnitude and for each value the nearest of 16 levels in [-1, 1]:
//   value = level[code] * absmax,  absmax = step[q] * scale + offset.
// offset is the mean of the matrix's absmax; what remains of them is kept in 8 bits, in blocks of 256 that share the
// float32 scale = largest magnitude, as the nearest of 256 steps in [-1, 1] (bitsandbytes' signed dynamic map).
// About 4.13 bits a value in all. Immutable once made; any number of threads may read it.
//
// Two forms: Nf4Matrix keeps codes and absmax. Nf4Rounding keeps the absmax only, 1/32 of that, and makes a row's codes
// again from its values whenever the row is read: the same bits, for one who reads each row a few times.
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

// absmax of the blocks of one matrix, in 8 bits.
class Nf4Absmax {
 public:
  Nf4Absmax() = default;
  explicit Nf4Absmax(const Buffer<float>& absmax);  // [blocks]
  [[nodiscard]] float operator[](std::int64_t block) const;
  [[nodiscard]] std::uint64_t bytes() const {
    return static_cast<std::uint64_t>(steps_.size()) + sizeof(float) * static_cast<std::uint64_t>(scales_.size());
  }
  [[nodiscard]] static std::uint64_t forecast_bytes(std::int64_t n_blocks);
  [[nodiscard]] float offset() const { return offset_; }

 private:
  Buffer<std::uint8_t> steps_;  // [blocks]: q
  Buffer<float> scales_;        // [blocks / 256]
  float offset_ = 0;
};

class Nf4Matrix final : public RowSource {
 public:
  explicit Nf4Matrix(const RowSource& source);  // reads it once, a few rows at a time, with all cores
  [[nodiscard]] const Shape& shape() const override { return shape_; }
  void decode_rows(std::int64_t first, std::int64_t n, float* out) const override;
  [[nodiscard]] std::uint64_t bytes() const { return forecast_bytes(shape_); }
  [[nodiscard]] static std::uint64_t forecast_bytes(const Shape& shape);
  // The parts, for kernels and tests. Value i of the matrix has the high half of byte i / 2 where i is even.
  [[nodiscard]] const Buffer<std::uint8_t>& codes() const { return codes_; }  // [values / 2]
  [[nodiscard]] const Nf4Absmax& absmax() const { return absmax_; }

 private:
  Shape shape_;
  Buffer<std::uint8_t> codes_;
  Nf4Absmax absmax_;
};

class Nf4Rounding {
 public:
  [[nodiscard]] static bool fits(const Shape& shape);  // rows are whole blocks
  explicit Nf4Rounding(const RowSource& source);       // fits(); reads it once, as Nf4Matrix does
  // values[n · columns] of the rows [first, first + n) of that source become what NF4 decodes to.
  void apply(std::int64_t first, std::int64_t n, float* values) const;
  [[nodiscard]] std::uint64_t bytes() const { return absmax_.bytes(); }

 private:
  std::int64_t columns_;
  Nf4Absmax absmax_;
};

}  // namespace faqsmith
