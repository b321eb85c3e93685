// One matrix of the model in the form in which it is kept:
//   Float32  values in memory, which full fine-tuning changes;
//   Stored   frozen, the bytes of the model's file as they are there (mapped, any type that dequantize() reads); GGUF's
//            order of Q and K rows is undone row by row; where asked, rounded to NF4 whenever a row is read;
//   Nf4      frozen, quantised in memory (tensor/nf4.h).
// Whatever the form, decode_rows gives Hugging Face's row order in float32, the same bits for the same file. A frozen
// matrix may carry a change that every decoded row goes through: a merged adapter. Movable, not copyable; reading is
// thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "tensor/block_type.h"
#include "tensor/buffer.h"
#include "tensor/nf4.h"
#include "tensor/row_source.h"

namespace faqsmith {

// How the rows stand in the file. PairedHalves: the two halves of each head interleave (GGUF's Q and K, see
// weights_gguf.h).
enum class RowOrder { Same, PairedHalves };

// The row in GGUF of Hugging Face's row `hf_row`, and back. head_dim is even.
[[nodiscard]] std::int64_t gguf_row(std::int64_t hf_row, std::int64_t head_dim);
[[nodiscard]] std::int64_t hf_row(std::int64_t gguf_row, std::int64_t head_dim);

// Bytes of a mapped file: rows one behind the other, each a whole number of blocks.
struct StoredRows {
  GgmlType type = GgmlType::F32;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // keeps the map alive
  RowOrder order = RowOrder::Same;
  std::int64_t head_dim = 0;  // read with PairedHalves
};

// What becomes of a decoded row.
class RowChange {
 public:
  virtual ~RowChange() = default;
  virtual void apply(std::int64_t row, float* values) const = 0;  // [columns], in place; any number of threads at once
};

class WeightMatrix final : public RowSource {
 public:
  WeightMatrix() = default;  // empty
  explicit WeightMatrix(Buffer<float> values);
  WeightMatrix(const Shape& shape, StoredRows stored);  // [rows, columns]; the bytes hold exactly those
  explicit WeightMatrix(Nf4Matrix quantized);

  [[nodiscard]] bool empty() const { return shape_.rank == 0; }
  [[nodiscard]] const Shape& shape() const override { return shape_; }
  [[nodiscard]] std::int64_t size() const { return empty() ? 0 : shape_.size(); }
  void decode_rows(std::int64_t first, std::int64_t n, float* out) const override;
  [[nodiscard]] const float* in_memory() const override { return values_.data(); }
  [[nodiscard]] Buffer<float> decode() const;  // all rows, with all cores
  // The lowest index, in the file's order of rows, of a value that is no finite number; nullopt if all are. With all
  // cores, a row at a time. out: nullptr, or where all rows are decoded to on the way.
  [[nodiscard]] std::optional<std::int64_t> find_non_finite(float* out = nullptr) const;

  // Float32 only: a broken invariant for a frozen matrix.
  [[nodiscard]] bool is_float32() const { return !values_.empty(); }
  [[nodiscard]] Buffer<float>& values();
  [[nodiscard]] const Buffer<float>& values() const;
  [[nodiscard]] float* data() { return values().data(); }
  [[nodiscard]] const float* data() const { return values().data(); }
  [[nodiscard]] float& operator[](std::int64_t i) { return values()[i]; }
  [[nodiscard]] const float& operator[](std::int64_t i) const { return values()[i]; }
  [[nodiscard]] In<float> in() const { return values().in(); }

  // Stored and unchanged only, of a shape that Nf4Rounding fits: decode_rows gives from now on what NF4 makes of the
  // values, which stay in the file. Reads it once.
  void round_to_nf4();

  // Frozen only, once: rows are decoded, then changed.
  void change_rows(std::shared_ptr<const RowChange> change);

  // Stored, neither rounded nor changed: for kernels that read the blocks.
  [[nodiscard]] std::optional<GgmlType> stored_type() const;
  [[nodiscard]] std::span<const std::byte> row_blocks(std::int64_t row) const;  // of a row in Hugging Face's order

  [[nodiscard]] std::uint64_t resident_bytes() const;  // own memory
  [[nodiscard]] std::uint64_t mapped_bytes() const;    // of the file, in memory as long as the system likes
  void release_pages() const override;

 private:
  [[nodiscard]] std::int64_t stored_row(std::int64_t row) const;
  Shape shape_;
  Buffer<float> values_;
  StoredRows stored_;
  std::int64_t row_bytes_ = 0;           // of stored_
  std::optional<Nf4Rounding> rounding_;  // of stored_
  std::optional<Nf4Matrix> nf4_;
  std::shared_ptr<const RowChange> change_;
};

}  // namespace faqsmith
