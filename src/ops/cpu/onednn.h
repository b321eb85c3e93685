// oneDNN 2.x behind three calls: the packed layout of a weight, packing, and a matrix product from a cache of
// primitives. The only header that includes dnnl.hpp. Thread-safe; scratch memory belongs to the calling thread.
#pragma once
#include <cstdint>
#include <dnnl.hpp>

#include "tensor/device.h"

namespace faqsmith::onednn {

using Type = dnnl::memory::data_type;

template <class T>
inline constexpr Type kTypeOf = sizeof(T) == 2 ? Type::bf16 : Type::f32;

[[nodiscard]] dnnl::engine& engine();
[[nodiscard]] dnnl::stream& stream();  // of the calling thread

// The layout of a [reads, writes] right operand that the fastest product wants.
[[nodiscard]] dnnl::memory::desc packed_layout(Type type, std::int64_t reads, std::int64_t writes);

// c [m, n] (=, +=) scale * a [m, k] b [k, n]; leading dimensions in elements. a_transposed: a is stored [k, m].
struct Product {
  Type type = Type::f32;  // of a and b
  Type c_type = Type::f32;
  std::int64_t m = 0, k = 0, n = 0;
  std::int64_t lda = 0, ldb = 0, ldc = 0;  // ldb is unused with a packed b
  bool a_transposed = false;
  bool add = false;
  float scale = 1.0f;
  const dnnl::memory::desc* packed_b = nullptr;  // null: b is plain row-major
};

void multiply(const Product& product, const void* a, const void* b, void* c);

}  // namespace faqsmith::onednn
