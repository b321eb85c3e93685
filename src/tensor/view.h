// Non-owning, row-major views that ops take: In is read, Out is written, Acc is added to, InOut is changed in place.
// Shapes are written beside each declaration, outermost first. A default-constructed view is empty: "this part is not
// wanted".
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
  [[nodiscard]] bool empty() const { return data == nullptr; }
};
template <class T>
struct Out {
  T* data = nullptr;
  Shape shape;
  [[nodiscard]] bool empty() const { return data == nullptr; }
  operator In<T>() const { return {data, shape}; }
};
template <class T>
struct Acc {
  T* data = nullptr;
  Shape shape;
  [[nodiscard]] bool empty() const { return data == nullptr; }
  operator In<T>() const { return {data, shape}; }
};
template <class T>
struct InOut {
  T* data = nullptr;
  Shape shape;
  [[nodiscard]] bool empty() const { return data == nullptr; }
  operator In<T>() const { return {data, shape}; }
};

// The first n rows of a matrix (or elements of a vector): for buffers that are larger than this batch.
template <class View>
[[nodiscard]] View first_rows(View view, std::int64_t n) {
  require(view.shape.rank > 0 && n <= view.shape[0], "first_rows asks for no more rows than there are");
  view.shape.dims[0] = n;
  return view;
}

}  // namespace faqsmith
