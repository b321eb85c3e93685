// Products with packed weights. oneDNN multiplies, but for thin ones; a product that reads very many columns (dx of the
// LM head: the vocabulary) is cut into slices of them, whose sums are float32: measured 2 x faster than one call.
#include "ops/matmul.h"

#include <algorithm>
#include <vector>

#include "ops/cpu/kernel.h"
#include "ops/cpu/onednn.h"
#include "ops/cpu/packed_operand.h"
#include "sys/parallel.h"
#include "tensor/buffer.h"

namespace faqsmith {

using onednn::kTypeOf;
using onednn::Type;

namespace {

constexpr std::int64_t kMostReads = 8192, kSliceReads = 1024;

// Memory of the calling thread for the copy of x and for sums, kept between calls.
template <class T>
struct SliceMemory {
  Buffer<T> x;
  Buffer<float> sums;
  void reserve(std::int64_t n_x, std::int64_t n_sums) {
    if (x.size() < n_x) x = Buffer<T>({n_x});
    if (sums.size() < n_sums) sums = Buffer<float>({n_sums});
  }
};

}  // namespace

namespace {

std::vector<PackedOperand> slices_of(Compute compute, Product product, std::int64_t out, std::int64_t in) {
  const bool is_sliced = product == Product::Backward && out > kMostReads;
  const std::int64_t slice = is_sliced ? kSliceReads : out;
  std::vector<PackedOperand> slices;
  for (std::int64_t first = 0; first < out; first += slice)
    slices.emplace_back(compute, product, std::min(slice, out - first), in);
  return slices;
}

std::int64_t aligned_bytes(const PackedOperand& slice) {
  return (slice.bytes() + 63) / 64 * 64;
}

std::int64_t all_bytes(const std::vector<PackedOperand>& slices) {
  std::int64_t sum = 0;
  for (const PackedOperand& slice : slices) sum += aligned_bytes(slice);
  return sum;
}

}  // namespace

std::size_t packed_bytes(Compute compute, Product product, std::int64_t out, std::int64_t in) {
  return allocated_bytes(static_cast<std::size_t>(all_bytes(slices_of(compute, product, out, in))));
}

struct PackedMatrix::Impl {
  Compute compute = Compute::F32;
  Product product = Product::Forward;
  std::int64_t in = 0, out = 0;
  std::vector<std::int64_t> part_rows;
  std::vector<PackedOperand> slices;  // one, or slices of kSliceReads rows of W for a Backward product
  Buffer<std::uint8_t> own;           // of all slices, one behind the other; empty with shared memory
  PackMemory* shared = nullptr;

  [[nodiscard]] std::int64_t reads() const { return product == Product::Forward ? in : out; }
  [[nodiscard]] std::int64_t writes() const { return product == Product::Forward ? out : in; }
  Impl(Compute compute_used, std::span<const RowSource* const> parts, Product product_used);
  void place(std::uint8_t* memory);
};

PackedMatrix::PackedMatrix() = default;
PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;

PackedMatrix::Impl::Impl(Compute compute_used, std::span<const RowSource* const> parts, Product product_used)
    : compute(compute_used), product(product_used) {
  require(!parts.empty() && parts[0]->shape().rank == 2, "PackedMatrix: parts are [out_i, in]");
  in = parts[0]->shape()[1];
  for (const RowSource* part : parts) {
    const Shape& shape = part->shape();
    require(shape.rank == 2 && shape[1] == in, "PackedMatrix: parts have the same number of columns");
    part_rows.push_back(shape[0]);
    out += shape[0];
  }
  require(in > 0 && out > 0, "PackedMatrix: no side is empty");
  slices = slices_of(compute, product, out, in);
}

void PackedMatrix::Impl::place(std::uint8_t* memory) {
  for (PackedOperand& slice : slices) {
    slice.place(memory);
    memory += aligned_bytes(slice);
  }
}

PackedMatrix::PackedMatrix(Compute compute, std::span<const RowSource* const> parts, Product product, float scale)
    : impl_(std::make_unique<Impl>(compute, parts, product)) {
  impl_->own = Buffer<std::uint8_t>({all_bytes(impl_->slices)});
  impl_->place(impl_->own.data());
  repack(parts, scale);
}

PackedMatrix::PackedMatrix(Compute compute, const RowSource& weight, Product product, float scale) {
  const RowSource* const part = &weight;
  *this = PackedMatrix(compute, std::span(&part, 1), product, scale);
}

PackedMatrix::PackedMatrix(Compute compute, In<float> weight, Product product, float scale)
    : PackedMatrix(compute, MemoryRows(weight), product, scale) {}

PackedMatrix::PackedMatrix(Compute compute, std::span<const RowSource* const> parts, Product product,
                           PackMemory& memory)
    : impl_(std::make_unique<Impl>(compute, parts, product)) {
  impl_->shared = &memory;
  if (memory.memory_.size() < all_bytes(impl_->slices)) {
    memory.memory_ = Buffer<std::uint8_t>();
    memory.memory_ = Buffer<std::uint8_t>({all_bytes(impl_->slices)});
    memory.holder_ = nullptr;
  }
}

void PackedMatrix::repack(std::span<const RowSource* const> parts, float scale) {
  require(impl_ != nullptr && parts.size() == impl_->part_rows.size(), "PackedMatrix: repack takes the same parts");
  for (std::size_t p = 0; p < parts.size(); ++p)
    require(parts[p]->shape() == Shape{impl_->part_rows[p], impl_->in},
            "PackedMatrix: repack takes parts of the same shapes");
  if (impl_->shared) {
    impl_->place(impl_->shared->memory_.data());
    impl_->shared->holder_ = impl_.get();
  }
  const StackedRows rows(parts);
  std::int64_t first = 0;
  for (PackedOperand& slice : impl_->slices) {
    slice.pack(rows, first, scale);
    first += slice.reads();  // only Backward has several, and it reads W's rows
  }
}

void PackedMatrix::repack(const RowSource& weight, float scale) {
  const RowSource* const part = &weight;
  repack(std::span(&part, 1), scale);
}

const PackedMatrix::Impl& PackedMatrix::impl() const {
  require(!impl_->shared || impl_->shared->holder_ == impl_.get(), "PackedMatrix: its values are in the shared memory");
  return *impl_;
}

Compute PackedMatrix::compute() const {
  return impl_->compute;
}
Product PackedMatrix::product() const {
  return impl_->product;
}
std::int64_t PackedMatrix::n_in() const {
  return impl_->in;
}
std::int64_t PackedMatrix::n_out() const {
  return impl_->out;
}
std::int64_t PackedMatrix::reads() const {
  return impl_->reads();
}
std::int64_t PackedMatrix::writes() const {
  return impl_->writes();
}
std::size_t PackedMatrix::bytes() const {
  return impl_->shared ? 0 : allocated_bytes(static_cast<std::size_t>(impl_->own.size()));
}

namespace {

template <class T, class Y>
void multiply_whole(const Matmul<T, Y>& op, const PackedOperand& w) {
  if (w.is_thin()) return thin::multiply(op, w.panels());
  onednn::multiply({.type = kTypeOf<T>,
                    .c_type = kTypeOf<Y>,
                    .m = op.x.shape[0],
                    .k = w.reads(),
                    .n = w.writes(),
                    .lda = op.x.shape[1],
                    .ldc = op.y.shape[1],
                    .add = op.write == Write::Add,
                    .packed_b = &w.layout()},
                   op.x.data + op.x_column, w.data(), op.y.data + op.y_column);
}

// sums [m, n] to y, or onto it.
template <class Y>
void write_sums(const float* sums, std::int64_t n, Out<Y> y, std::int64_t y_column, Write write) {
  parallel_for(y.shape[0], [=](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t i = begin; i < end; ++i) {
        const float* __restrict from = sums + i * n;
        Y* __restrict to = y.data + i * y.shape[1] + y_column;
        if (write == Write::Add) {
          for (std::int64_t c = 0; c < n; ++c) store(to + c, load(to + c) + from[c]);
        } else {
          for (std::int64_t c = 0; c < n; ++c) store(to + c, from[c]);
        }
      }
    });
  });
}

template <class T, class Y>
void multiply_sliced(const Matmul<T, Y>& op, const std::vector<PackedOperand>& slices) {
  const std::int64_t m = op.x.shape[0], n = op.w->writes(), stride = op.x.shape[1];
  thread_local SliceMemory<T> memory;
  memory.reserve(m * kSliceReads, m * n);
  T* const x = memory.x.data();
  float* const sums = memory.sums.data();
  std::int64_t column = op.x_column;
  for (const PackedOperand& slice : slices) {
    const std::int64_t k = slice.reads();
    // A dense copy: oneDNN is 2 x slower on rows with gaps.
    parallel_for(m, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* const from = op.x.data + i * stride + column;
        std::copy(from, from + k, x + i * k);
      }
    });
    onednn::multiply({.type = kTypeOf<T>,
                      .c_type = Type::f32,
                      .m = m,
                      .k = k,
                      .n = n,
                      .lda = k,
                      .ldc = n,
                      .add = column != op.x_column,
                      .packed_b = &slice.layout()},
                     x, slice.data(), sums);
    column += k;
  }
  write_sums(sums, n, op.y, op.y_column, op.write);
}

}  // namespace

template <class T, class Y>
void run(Cpu&, const Matmul<T, Y>& op) {
  const std::vector<PackedOperand>& slices = op.w->impl().slices;
  if (slices.size() == 1) {
    multiply_whole(op, slices[0]);
  } else {
    multiply_sliced(op, slices);
  }
}
template void run(Cpu&, const Matmul<float, float>&);
template void run(Cpu&, const Matmul<bf16, bf16>&);
template void run(Cpu&, const Matmul<bf16, float>&);

}  // namespace faqsmith
