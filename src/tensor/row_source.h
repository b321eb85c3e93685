// A float32 matrix that may be kept in another form: whoever reads it asks for the rows that are needed. Kernels that
// pack or look up a weight take one, so that no float32 copy of the whole has to exist.
#pragma once
#include <algorithm>
#include <cstdint>

#include "tensor/view.h"

namespace faqsmith {

class RowSource {
 public:
  virtual ~RowSource() = default;
  [[nodiscard]] virtual const Shape& shape() const = 0;  // [rows, columns]
  // Rows [first, first + n) to out[n, columns]. Any number of threads at once.
  virtual void decode_rows(std::int64_t first, std::int64_t n, float* out) const = 0;
  // The whole matrix where it lies in memory as float32, row after row; nullptr: rows have to be decoded.
  [[nodiscard]] virtual const float* in_memory() const { return nullptr; }
  // Tells the system that bytes of a mapped file are not needed soon; reading them again is correct and slower.
  virtual void release_pages() const {}
};

// A view of float32 memory, which has to outlive it. A vector has rows of one value.
class MemoryRows final : public RowSource {
 public:
  explicit MemoryRows(In<float> values) : values_(values) {}
  [[nodiscard]] const Shape& shape() const override { return values_.shape; }
  void decode_rows(std::int64_t first, std::int64_t n, float* out) const override {
    const std::int64_t columns = values_.shape.rank > 1 ? values_.shape[1] : 1;
    std::copy_n(values_.data + first * columns, n * columns, out);
  }
  [[nodiscard]] const float* in_memory() const override { return values_.data; }

 private:
  In<float> values_;  // [rows, columns] or [rows]
};

}  // namespace faqsmith
