// Non-owning, row-major views that ops take: In is read, Out is written, Acc is added to. Shapes are written beside each
// declaration, outermost first.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "base/error.h"
#include "tensor/dtype.h"

namespace faqsmith {

struct Shape {
  std::array<std::int64_t, 4> dims{};
  int rank = 0;
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> list) {
    require(list.size() <= 4, "a shape has at most four dimensions");
    for (auto d : list) dims[static_cast<std::size_t>(rank++)] = d;
  }
  [[nodiscard]] std::int64_t operator[](int i) const { return dims[static_cast<std::size_t>(i)]; }
  [[nodiscard]] std::int64_t size() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= (*this)[i];
    return n;
  }
  friend bool operator==(const Shape& a, const Shape& b) { return a.rank == b.rank && a.dims == b.dims; }
};

template <class T>
struct In {
  const T* data = nullptr;
  Shape shape;
};
template <class T>
struct Out {
  T* data = nullptr;
  Shape shape;
  operator In<T>() const { return {data, shape}; }
};
template <class T>
struct Acc {
  T* data = nullptr;
  Shape shape;
  operator In<T>() const { return {data, shape}; }
};

}  // namespace faqsmith
