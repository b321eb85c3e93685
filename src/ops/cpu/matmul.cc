// Packing of weights and the products with them. oneDNN multiplies; the packing is ours where its layout is the blocked
// one of its AVX-512 and AMX kernels (16 rows x 64 columns, pairs of rows interleaved in bf16), because its reorder is
// slow there.
#include "ops/matmul.h"

#include <algorithm>
#include <vector>

#include "ops/cpu/kernel.h"
#include "ops/cpu/onednn.h"
#include "ops/cpu/pack_bf16.h"
#include "ops/cpu/packed_layout.h"
#include "sys/parallel.h"
#include "tensor/buffer.h"

namespace faqsmith {

using onednn::kTypeOf;
using onednn::Type;

struct PackedMatrix::Impl {
  Compute compute = Compute::F32;
  Product product = Product::Forward;
  std::int64_t in = 0, out = 0;
  std::vector<std::int64_t> part_rows;
  std::vector<const float*> rows;  // [out]: scratch of repack(), where each row of W starts
  dnnl::memory::desc layout;
  Blocking blocking;
  bool understood = false;
  Buffer<std::uint8_t> data;

  [[nodiscard]] bool forward() const { return product == Product::Forward; }
  [[nodiscard]] std::int64_t reads() const { return forward() ? in : out; }
  [[nodiscard]] std::int64_t writes() const { return forward() ? out : in; }
  [[nodiscard]] Type type() const { return compute == Compute::Bf16 ? Type::bf16 : Type::f32; }
  template <class T>
  void pack_blocks(float scale);
  template <class T>
  void pack_plain(float scale);
  void pack_bf16_blocks(float scale);
  void pack_by_reorder(float scale);
};

namespace {

// tile[c][r], r fastest, to the block's [row group][column][row in group]. n_rows and n_columns of it are real.
template <class T>
KERNEL_INLINE void write_block(const T* __restrict tile, std::int64_t n_columns, const Blocking& b, T* __restrict to) {
  if (b.pair == 2) {
    for (std::int64_t r = 0; r < b.rows; r += 2) {
      for (std::int64_t c = 0; c < n_columns; ++c) {
        to[r * b.columns + 2 * c] = tile[c * kMaxBlockRows + r];
        to[r * b.columns + 2 * c + 1] = tile[c * kMaxBlockRows + r + 1];
      }
    }
    return;
  }
  for (std::int64_t r = 0; r < b.rows; ++r) {
    for (std::int64_t c = 0; c < n_columns; ++c) to[r * b.columns + c] = tile[c * kMaxBlockRows + r];
  }
}

// Operand W^T: r runs along a row of W, c over rows of W.
template <class T>
KERNEL_INLINE void pack_forward_block(const float* const* rows, std::int64_t r0, std::int64_t n_rows,
                                      std::int64_t n_columns, float scale, const Blocking& b, T* __restrict to) {
  alignas(64) T tile[kMaxBlockColumns * kMaxBlockRows] = {};
  for (std::int64_t c = 0; c < n_columns; ++c) {
    const float* __restrict w = rows[c] + r0;
    for (std::int64_t r = 0; r < n_rows; ++r) store(tile + c * kMaxBlockRows + r, scale * w[r]);
  }
  write_block(tile, n_columns, b, to);
}

// Operand W: r runs over rows of W, c along a row.
template <class T>
KERNEL_INLINE void pack_backward_block(const float* const* rows, std::int64_t n_rows, std::int64_t c0,
                                       std::int64_t n_columns, float scale, const Blocking& b, T* __restrict to) {
  const float zeros[kMaxBlockColumns] = {};
  for (std::int64_t r = 0; r < b.rows; r += b.pair) {
    const float* __restrict first = r < n_rows ? rows[r] + c0 : zeros;
    if (b.pair == 1) {
      for (std::int64_t c = 0; c < n_columns; ++c) store(to + r * b.columns + c, scale * first[c]);
      continue;
    }
    const float* __restrict second = r + 1 < n_rows ? rows[r + 1] + c0 : zeros;
    for (std::int64_t c = 0; c < n_columns; ++c) {
      store(to + r * b.columns + 2 * c, scale * first[c]);
      store(to + r * b.columns + 2 * c + 1, scale * second[c]);
    }
  }
}

}  // namespace

template <class T>
void PackedMatrix::Impl::pack_blocks(float scale) {
  const Blocking b = blocking;
  const std::int64_t n_rows = reads(), n_columns = writes();
  const std::int64_t row_blocks = (n_rows + b.rows - 1) / b.rows;
  const bool is_forward = forward();
  const float* const* w = rows.data();
  T* const to = reinterpret_cast<T*>(data.data());
  if constexpr (sizeof(T) == 2) {
    if (is_amx_blocking(b) && pack_bf16::ready()) return pack_bf16_blocks(scale);
  }
  parallel_for((n_columns + b.columns - 1) / b.columns, [=](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t cb = begin; cb < end; ++cb) {
        const std::int64_t c0 = cb * b.columns, nc = std::min(b.columns, n_columns - c0);
        for (std::int64_t rb = 0; rb < row_blocks; ++rb) {
          const std::int64_t r0 = rb * b.rows, nr = std::min(b.rows, n_rows - r0);
          T* const block = to + rb * b.row_stride + cb * b.column_stride;
          if (is_forward) {
            pack_forward_block(w + c0, r0, nr, nc, scale, b, block);
          } else {
            pack_backward_block(w + r0, nr, c0, nc, scale, b, block);
          }
        }
      }
    });
  });
}

void PackedMatrix::Impl::pack_bf16_blocks(float scale) {
  parallel_for((writes() + blocking.columns - 1) / blocking.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t cb = begin; cb < end; ++cb) {
      const std::int64_t c0 = cb * blocking.columns, nc = std::min(blocking.columns, writes() - c0);
      for (std::int64_t r0 = 0; r0 < reads(); r0 += blocking.rows) {
        const std::int64_t nr = std::min(blocking.rows, reads() - r0);
        bf16* const block = reinterpret_cast<bf16*>(data.data()) + r0 / blocking.rows * blocking.row_stride +
                            cb * blocking.column_stride;
        if (forward()) {
          pack_bf16::transposed_block(rows.data() + c0, r0, nr, nc, scale, block);
        } else {
          pack_bf16::straight_block(rows.data() + r0, nr, c0, nc, scale, block);
        }
      }
    }
    pack_bf16::finish_blocks();
  });
}

template <class T>
void PackedMatrix::Impl::pack_plain(float scale) {
  const std::int64_t row_step = forward() ? blocking.column_stride : blocking.row_stride;
  const std::int64_t step = forward() ? blocking.row_stride : blocking.column_stride;
  const std::int64_t n = in;
  const float* const* w = rows.data();
  T* const to = reinterpret_cast<T*>(data.data());
  parallel_for(out, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      for (std::int64_t i = 0; i < n; ++i) store(to + o * row_step + i * step, scale * w[o][i]);
    }
  });
}

void PackedMatrix::Impl::pack_by_reorder(float scale) {
  Buffer<float> stacked({out, in});
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t i = 0; i < in; ++i) stacked[o * in + i] = scale * rows[static_cast<std::size_t>(o)][i];
  }
  using dnnl::memory;
  const memory::desc plain({reads(), writes()}, Type::f32, forward() ? memory::dims{1, in} : memory::dims{in, 1});
  memory from(plain, onednn::engine(), stacked.data());
  memory to(layout, onednn::engine(), data.data());
  dnnl::reorder(from, to).execute(onednn::stream(), from, to);
  onednn::stream().wait();
}

PackedMatrix::PackedMatrix() = default;
PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;

PackedMatrix::PackedMatrix(Compute compute, std::span<const In<float>> parts, Product product, float scale)
    : impl_(std::make_unique<Impl>()) {
  require(!parts.empty() && parts[0].shape.rank == 2, "PackedMatrix: parts are [out_i, in]");
  impl_->compute = compute;
  impl_->product = product;
  impl_->in = parts[0].shape[1];
  for (const In<float>& part : parts) {
    require(part.shape.rank == 2 && part.shape[1] == impl_->in, "PackedMatrix: parts have the same number of columns");
    impl_->part_rows.push_back(part.shape[0]);
    impl_->out += part.shape[0];
  }
  require(impl_->in > 0 && impl_->out > 0, "PackedMatrix: no side is empty");
  impl_->rows.resize(static_cast<std::size_t>(impl_->out));
  impl_->layout = onednn::packed_layout(impl_->type(), impl_->reads(), impl_->writes());
  impl_->understood = understand(impl_->layout, impl_->blocking);
  impl_->data = Buffer<std::uint8_t>({static_cast<std::int64_t>(impl_->layout.get_size())});
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
  const bool is_bf16 = impl_->compute == Compute::Bf16;
  if (!impl_->understood) return impl_->pack_by_reorder(scale);
  if (impl_->blocking.rows == 1) return is_bf16 ? impl_->pack_plain<bf16>(scale) : impl_->pack_plain<float>(scale);
  return is_bf16 ? impl_->pack_blocks<bf16>(scale) : impl_->pack_blocks<float>(scale);
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
  return static_cast<std::size_t>(impl_->data.size());
}

template <class T, class Y>
void run(Cpu&, const Matmul<T, Y>& op) {
  const PackedMatrix::Impl& w = op.w->impl();
  onednn::multiply({.type = kTypeOf<T>,
                    .c_type = kTypeOf<Y>,
                    .m = op.x.shape[0],
                    .k = w.reads(),
                    .n = w.writes(),
                    .lda = op.x.shape[1],
                    .ldc = op.y.shape[1],
                    .add = op.write == Write::Add,
                    .packed_b = &w.layout},
                   op.x.data + op.x_column, w.data.data(), op.y.data + op.y_column);
}
template void run(Cpu&, const Matmul<float, float>&);
template void run(Cpu&, const Matmul<bf16, bf16>&);
template void run(Cpu&, const Matmul<bf16, float>&);

}  // namespace faqsmith
