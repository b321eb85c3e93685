// Owned, 64-byte aligned memory. Zeroed on allocation; throws Error(Device) with what to lower if there is not enough.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "tensor/view.h"

namespace faqsmith {

[[nodiscard]] void* allocate_aligned(std::size_t bytes);  // 64-byte aligned, zeroed
// What such a block takes: whole cache lines, a large one whole huge pages.
[[nodiscard]] std::size_t allocated_bytes(std::size_t bytes);

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Shape shape)
      : shape_(shape), data_(static_cast<T*>(allocate_aligned(static_cast<std::size_t>(shape.size()) * sizeof(T)))) {}
  [[nodiscard]] T* data() { return data_.get(); }
  [[nodiscard]] const T* data() const { return data_.get(); }
  [[nodiscard]] std::int64_t size() const { return data_ ? shape_.size() : 0; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] bool empty() const { return !data_; }
  [[nodiscard]] In<T> in() const { return {data_.get(), shape_}; }
  [[nodiscard]] Out<T> out() { return {data_.get(), shape_}; }
  [[nodiscard]] Acc<T> acc() { return {data_.get(), shape_}; }
  [[nodiscard]] InOut<T> inout() { return {data_.get(), shape_}; }
  [[nodiscard]] T& operator[](std::int64_t i) { return data_.get()[i]; }
  [[nodiscard]] const T& operator[](std::int64_t i) const { return data_.get()[i]; }
  void zero() {
    if (data_) std::memset(static_cast<void*>(data_.get()), 0, static_cast<std::size_t>(shape_.size()) * sizeof(T));
  }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  Shape shape_;
  std::unique_ptr<T, Free> data_;
};

}  // namespace faqsmith
