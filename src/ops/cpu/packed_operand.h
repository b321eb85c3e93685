// The right operand of a matrix product in oneDNN's packed layout, copied from rows of float32.
#pragma once
#include <cstdint>

#include "ops/cpu/onednn.h"
#include "ops/cpu/packed_layout.h"
#include "ops/matmul.h"
#include "tensor/buffer.h"

namespace faqsmith {

// W [out, in] for one product: the operand is W^T [in, out] (Forward) or W [out, in] (Backward).
class PackedOperand {
 public:
  PackedOperand(Compute compute, Product product, std::int64_t out, std::int64_t in);
  // rows: where each of the `out` rows of W starts. Allocates nothing (but for a layout that packed_layout.h does not
  // know).
  void pack(const float* const* rows, float scale);

  [[nodiscard]] std::int64_t reads() const { return forward() ? in_ : out_; }
  [[nodiscard]] std::int64_t writes() const { return forward() ? out_ : in_; }
  [[nodiscard]] const dnnl::memory::desc& layout() const { return layout_; }
  [[nodiscard]] const void* data() const { return data_.data(); }
  [[nodiscard]] std::int64_t bytes() const { return data_.size(); }

 private:
  [[nodiscard]] bool forward() const { return product_ == Product::Forward; }
  [[nodiscard]] onednn::Type type() const { return compute_ == Compute::Bf16 ? onednn::Type::bf16 : onednn::Type::f32; }
  template <class T>
  void pack_blocks(float scale);
  template <class T>
  void pack_plain(float scale);
  void pack_bf16_blocks(float scale);
  void pack_by_reorder(float scale);

  Compute compute_;
  Product product_;
  std::int64_t out_, in_;
  dnnl::memory::desc layout_;
  Blocking blocking_;
  bool understood_ = false;
  Buffer<std::uint8_t> data_;
  const float* const* rows_ = nullptr;  // during pack()
};

}  // namespace faqsmith
