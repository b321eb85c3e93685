// Rows out of whatever form they are in.
#include "model/weight_matrix.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "sys/memory.h"
#include "sys/parallel.h"
#include "tensor/quants.h"

namespace faqsmith {

std::int64_t gguf_row(std::int64_t hf_row, std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  const std::int64_t head = hf_row / head_dim, within = hf_row % head_dim;
  return head * head_dim + 2 * (within % half) + within / half;
}

std::int64_t hf_row(std::int64_t gguf_row, std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  const std::int64_t head = gguf_row / head_dim, within = gguf_row % head_dim;
  return head * head_dim + within % 2 * half + within / 2;
}

WeightMatrix::WeightMatrix(Buffer<float> values) : shape_(values.shape()), values_(std::move(values)) {
  require(shape_.rank == 2, "a weight matrix is [rows, columns]");
}

WeightMatrix::WeightMatrix(const Shape& shape, StoredRows stored) : shape_(shape), stored_(std::move(stored)) {
  const GgmlTypeInfo* type = find_type(static_cast<std::uint32_t>(stored_.type));
  require(shape.rank == 2 && type && type->supported && shape[1] % type->block_elements == 0,
          "a stored matrix is [rows, columns] of whole blocks");
  row_bytes_ = shape[1] / type->block_elements * type->block_bytes;
  require(static_cast<std::int64_t>(stored_.bytes.size()) == shape[0] * row_bytes_, "bytes and shape agree");
}

WeightMatrix::WeightMatrix(Nf4Matrix quantized) : shape_(quantized.shape()), nf4_(std::move(quantized)) {}

std::int64_t WeightMatrix::stored_row(std::int64_t row) const {
  return stored_.order == RowOrder::Same ? row : gguf_row(row, stored_.head_dim);
}

void WeightMatrix::decode_rows(std::int64_t first, std::int64_t n, float* out) const {
  require(first >= 0 && n >= 0 && first + n <= shape_[0], "rows of the matrix are asked for");
  const std::int64_t columns = shape_[1];
  if (is_float32()) {
    std::copy_n(values_.data() + first * columns, n * columns, out);
    return;
  }
  if (nf4_) {
    nf4_->decode_rows(first, n, out);
  } else {
    for (std::int64_t i = 0; i < n; ++i) dequantize(stored_.type, row_blocks(first + i), out + i * columns, columns);
    if (rounding_) rounding_->apply(first, n, out);
  }
  for (std::int64_t i = 0; change_ && i < n; ++i) change_->apply(first + i, out + i * columns);
}

void WeightMatrix::round_to_nf4() {
  require(stored_type().has_value(), "a matrix is rounded as its file has it");
  rounding_.emplace(*this);
  release_pages();
}

void WeightMatrix::change_rows(std::shared_ptr<const RowChange> change) {
  require(!empty() && !is_float32() && !change_, "a frozen matrix is changed once");
  change_ = std::move(change);
}

Buffer<float> WeightMatrix::decode() const {
  Buffer<float> all(shape_);
  parallel_for(shape_[0], [&](std::int64_t begin, std::int64_t end) {
    decode_rows(begin, end - begin, all.data() + begin * shape_[1]);
  });
  return all;
}

std::optional<std::int64_t> WeightMatrix::find_non_finite(float* out) const {
  const std::int64_t columns = shape_[1], all = size();
  std::atomic<std::int64_t> first_bad = all;
  parallel_for(shape_[0], [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> own(out ? 0 : static_cast<std::size_t>(columns));
    for (std::int64_t row = begin; row < end; ++row) {
      float* const values = out ? out + row * columns : own.data();
      decode_rows(row, 1, values);
      const float* bad = std::find_if(values, values + columns, [](float x) { return !std::isfinite(x); });
      if (bad == values + columns) continue;
      const std::int64_t index = stored_row(row) * columns + (bad - values);
      std::int64_t seen = first_bad.load();
      while (index < seen && !first_bad.compare_exchange_weak(seen, index)) {
      }
    }
  });
  if (first_bad.load() == all) return std::nullopt;
  return first_bad.load();
}

Buffer<float>& WeightMatrix::values() {
  require(is_float32(), "the float32 values of a matrix that is kept so");
  return values_;
}

const Buffer<float>& WeightMatrix::values() const {
  require(is_float32(), "the float32 values of a matrix that is kept so");
  return values_;
}

std::optional<GgmlType> WeightMatrix::stored_type() const {
  if (empty() || is_float32() || rounding_ || nf4_ || change_) return std::nullopt;
  return stored_.type;
}

std::span<const std::byte> WeightMatrix::row_blocks(std::int64_t row) const {
  return stored_.bytes.subspan(static_cast<std::size_t>(stored_row(row) * row_bytes_),
                               static_cast<std::size_t>(row_bytes_));
}

std::uint64_t WeightMatrix::resident_bytes() const {
  return (is_float32() ? allocated_bytes(static_cast<std::size_t>(values_.size()) * sizeof(float)) : 0) +
         (rounding_ ? rounding_->bytes() : 0) + (nf4_ ? nf4_->bytes() : 0);
}

std::uint64_t WeightMatrix::mapped_bytes() const {
  return stored_.bytes.size();
}

void WeightMatrix::release_pages() const {
  release_mapped(stored_.bytes.data(), stored_.bytes.size());
}

}  // namespace faqsmith
