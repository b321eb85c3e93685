// The right operand of a matrix product in oneDNN's packed layout, copied from rows of float32 that may be decoded on
// the way.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ops/cpu/onednn.h"
#include "ops/cpu/packed_layout.h"
#include "ops/cpu/thin_matmul.h"
#include "ops/matmul.h"
#include "tensor/row_source.h"

namespace faqsmith {

// Several matrices with the same columns, one below the other.
class StackedRows {
 public:
  explicit StackedRows(std::span<const RowSource* const> parts) : parts_(parts) {}
  // Where rows [first, first + n) lie: in memory where their matrix does, else decoded into buffer [n, columns].
  void locate(std::int64_t first, std::int64_t n, float* buffer, const float** rows) const;
  [[nodiscard]] bool all_in_memory() const;

 private:
  std::span<const RowSource* const> parts_;
};

// W [out, in] for one product: the operand is W^T [in, out] (Forward) or W [out, in] (Backward). Owns no memory:
// place() says where the values go.
class PackedOperand {
 public:
  PackedOperand(Compute compute, Product product, std::int64_t out, std::int64_t in);
  void place(std::uint8_t* memory) { data_ = memory; }  // bytes() of it, 64-byte aligned
  // Rows [first, first + out) of the stack. Allocates nothing where all rows are in memory, else a strip of rows for
  // each thread (or the whole, in float32, for a layout that packed_layout.h does not know).
  void pack(const StackedRows& w, std::int64_t first, float scale);

  [[nodiscard]] std::int64_t reads() const { return forward() ? in_ : out_; }
  [[nodiscard]] std::int64_t writes() const { return forward() ? out_ : in_; }
  [[nodiscard]] const dnnl::memory::desc& layout() const { return layout_; }
  [[nodiscard]] const void* data() const { return data_; }
  [[nodiscard]] bool is_thin() const { return thin_; }  // for the kernels of thin_matmul.h
  [[nodiscard]] thin::Panels panels() const { return thin::panels_of(compute_, writes(), blocking_, data_, groups_); }
  [[nodiscard]] std::int64_t bytes() const { return static_cast<std::int64_t>(layout_.get_size()); }

 private:
  [[nodiscard]] bool forward() const { return product_ == Product::Forward; }
  [[nodiscard]] onednn::Type type() const { return compute_ == Compute::Bf16 ? onednn::Type::bf16 : onednn::Type::f32; }
  [[nodiscard]] std::int64_t strip_rows() const;  // rows of W that fill whole blocks
  // rows: pointers to rows [o0, o0 + n) of W, a strip.
  template <class T>
  void pack_blocks(const float* const* rows, std::int64_t o0, std::int64_t n, float scale);
  template <class T>
  void pack_plain(const float* const* rows, std::int64_t o0, std::int64_t n, float scale);
  void pack_bf16_blocks(const float* const* rows, std::int64_t o0, std::int64_t n, float scale);
  void pack_by_reorder(const StackedRows& w, std::int64_t first, float scale);

  Compute compute_;
  Product product_;
  std::int64_t out_, in_;
  dnnl::memory::desc layout_;
  Blocking blocking_;
  bool understood_ = false;
  bool amx_blocks_ = false;  // blocks that pack_bf16 writes
  bool thin_ = false;
  std::vector<thin::PanelGroup> groups_;  // of a thin one, as it was packed last
  std::uint8_t* data_ = nullptr;
};

}  // namespace faqsmith
