// Products with packed weights. oneDNN multiplies; a product that reads very many columns (dx of the LM head: the
// vocabulary) is cut into slices of them, whose sums are float32: measured 2 x faster than one call.
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

struct PackedMatrix::Impl {
  Compute compute = Compute::F32;
  Product product = Product::Forward;
  std::int64_t in = 0, out = 0;
  std::vector<std::int64_t> part_rows;
  std::vector<const float*> rows;     // [out]: scratch of repack(), where each row of W starts
  std::vector<PackedOperand> slices;  // one, or slices of kSliceReads rows of W for a Backward product

  [[nodiscard]] std::int64_t reads() const { return product == Product::Forward ? in : out; }
  [[nodiscard]] std::int64_t writes() const { return product == Product::Forward ? out : in; }
};

PackedMatrix::PackedMatrix() = default;
PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;

PackedMatrix::PackedMatrix(Compute compute, std::span<const In<float>> parts, Product product, float scale)
    : impl_(std::make_unique<Impl>()) {
  require(!parts.empty() && parts[0].shape.rank == 2, "PackedMatrix: parts are [out_i, in]");
  Impl& w = *impl_;
  w.compute = compute;
  w.product = product;
  w.in = parts[0].shape[1];
  for (const In<float>& part : parts) {
    require(part.shape.rank == 2 && part.shape[1] == w.in, "PackedMatrix: parts have the same number of columns");
    w.part_rows.push_back(part.shape[0]);
    w.out += part.shape[0];
  }
  require(w.in > 0 && w.out > 0, "PackedMatrix: no side is empty");
  w.rows.resize(static_cast<std::size_t>(w.out));
  const bool is_sliced = product == Product::Backward && w.out > kMostReads;
  const std::int64_t slice = is_sliced ? kSliceReads : w.out;
  for (std::int64_t first = 0; first < w.out; first += slice)
    w.slices.emplace_back(compute, product, std::min(slice, w.out - first), w.in);
  repack(parts, scale);
}

PackedMatrix::PackedMatrix(Compute compute, In<float> weight, Product product, float scale)
    : PackedMatrix(compute, std::span<const In<float>>(&weight, 1), product, scale) {}

void PackedMatrix::repack(std::span<const In<float>> parts, float scale) {
  require(impl_ != nullptr && parts.size() == impl_->part_rows.size(), "PackedMatrix: repack takes the same parts");
  std::size_t row = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    require(parts[p].shape == Shape{impl_->part_rows[p], impl_->in},
            "PackedMatrix: repack takes parts of the same shapes");
    for (std::int64_t o = 0; o < impl_->part_rows[p]; ++o) impl_->rows[row++] = parts[p].data + o * impl_->in;
  }
  const float* const* rows = impl_->rows.data();
  for (PackedOperand& slice : impl_->slices) {
    slice.pack(rows, scale);
    rows += slice.reads();  // only Backward has several, and it reads W's rows
  }
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
  std::int64_t sum = 0;
  for (const PackedOperand& slice : impl_->slices) sum += slice.bytes();
  return static_cast<std::size_t>(sum);
}

namespace {

template <class T, class Y>
void multiply_whole(const Matmul<T, Y>& op, const PackedOperand& w) {
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
