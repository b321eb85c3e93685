// Packing of weights. The copies are ours where oneDNN's layout is the blocked one of its AVX-512 and AMX kernels (16
// rows x 64 columns, pairs of rows interleaved in bf16), because its own reorder is slow there.
#include "ops/cpu/packed_operand.h"

#include <algorithm>
#include <array>
#include <vector>

#include "ops/cpu/kernel.h"
#include "ops/cpu/pack_bf16.h"
#include "sys/parallel.h"
#include "tensor/buffer.h"

namespace faqsmith {

using onednn::Type;

namespace {

constexpr std::int64_t kPlainSide = 16;
static_assert(kMaxStripRows >= std::max({kMaxBlockRows, kMaxBlockColumns, kPlainSide}));

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
  write_block(tile, b.columns, b, to);  // zeros beyond W: shared memory holds old values
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
      std::fill(to + r * b.columns + n_columns, to + (r + 1) * b.columns, T{});
      continue;
    }
    const float* __restrict second = r + 1 < n_rows ? rows[r + 1] + c0 : zeros;
    for (std::int64_t c = 0; c < n_columns; ++c) {
      store(to + r * b.columns + 2 * c, scale * first[c]);
      store(to + r * b.columns + 2 * c + 1, scale * second[c]);
    }
    std::fill(to + r * b.columns + 2 * n_columns, to + (r + 2) * b.columns, T{});
  }
}

}  // namespace

void StackedRows::locate(std::int64_t first, std::int64_t n, float* buffer, const float** rows) const {
  std::int64_t done = 0, part_first = 0;
  for (const RowSource* part : parts_) {
    const std::int64_t n_part = part->shape()[0], columns = part->shape()[1];
    const std::int64_t begin = std::max(first, part_first) - part_first;
    const std::int64_t end = std::min(first + n, part_first + n_part) - part_first;
    part_first += n_part;
    if (begin >= end) continue;
    const float* at = part->in_memory();
    if (at) {
      at += begin * columns;
    } else {
      float* const out = buffer + done * columns;
      part->decode_rows(begin, end - begin, out);
      at = out;
    }
    for (std::int64_t row = begin; row < end; ++row, ++done, at += columns) rows[done] = at;
  }
  require(done == n, "the stack has the rows that are asked for");
}

bool StackedRows::all_in_memory() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const RowSource* part) { return part->in_memory() != nullptr; });
}

std::int64_t PackedOperand::strip_rows() const {
  if (blocking_.rows == 1) return kPlainSide;
  return forward() ? blocking_.columns : blocking_.rows;
}

template <class T>
void PackedOperand::pack_blocks(const float* const* rows, std::int64_t o0, std::int64_t n, float scale) {
  const Blocking b = blocking_;
  T* const to = reinterpret_cast<T*>(data_);
  const std::int64_t in = in_;
  if (forward()) {
    T* const strip = to + o0 / b.columns * b.column_stride;
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t r0 = 0; r0 < in; r0 += b.rows)
        pack_forward_block(rows, r0, std::min(b.rows, in - r0), n, scale, b, strip + r0 / b.rows * b.row_stride);
    });
  } else {
    T* const strip = to + o0 / b.rows * b.row_stride;
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t c0 = 0; c0 < in; c0 += b.columns)
        pack_backward_block(rows, n, c0, std::min(b.columns, in - c0), scale, b,
                            strip + c0 / b.columns * b.column_stride);
    });
  }
}

void PackedOperand::pack_bf16_blocks(const float* const* rows, std::int64_t o0, std::int64_t n, float scale) {
  const Blocking& b = blocking_;
  bf16* const to = reinterpret_cast<bf16*>(data_);
  if (forward()) {
    bf16* const strip = to + o0 / b.columns * b.column_stride;
    for (std::int64_t r0 = 0; r0 < in_; r0 += b.rows)
      pack_bf16::transposed_block(rows, r0, std::min(b.rows, in_ - r0), n, scale, strip + r0 / b.rows * b.row_stride);
  } else {
    bf16* const strip = to + o0 / b.rows * b.row_stride;
    for (std::int64_t c0 = 0; c0 < in_; c0 += b.columns)
      pack_bf16::straight_block(rows, n, c0, std::min(b.columns, in_ - c0), scale,
                                strip + c0 / b.columns * b.column_stride);
  }
}

template <class T>
void PackedOperand::pack_plain(const float* const* rows, std::int64_t o0, std::int64_t n, float scale) {
  const std::int64_t row_step = forward() ? blocking_.column_stride : blocking_.row_stride;
  const std::int64_t step = forward() ? blocking_.row_stride : blocking_.column_stride;
  T* const to = reinterpret_cast<T*>(data_);
  // Squares of 16 x 16, because one side of the copy is strided: a cache line is then used 16 times, not once.
  for (std::int64_t i0 = 0; i0 < in_; i0 += kPlainSide) {
    for (std::int64_t o = 0; o < n; ++o) {
      for (std::int64_t i = i0; i < std::min(i0 + kPlainSide, in_); ++i)
        store(to + (o0 + o) * row_step + i * step, scale * rows[o][i]);
    }
  }
}

void PackedOperand::pack_by_reorder(const StackedRows& w, std::int64_t first, float scale) {
  Buffer<float> stacked({out_, in_});
  for (std::int64_t o = 0; o < out_; ++o) {
    float* const row = stacked.data() + o * in_;
    const float* at = nullptr;
    w.locate(first + o, 1, row, &at);
    for (std::int64_t i = 0; i < in_; ++i) row[i] = scale * at[i];
  }
  using dnnl::memory;
  const memory::desc plain({reads(), writes()}, Type::f32, forward() ? memory::dims{1, in_} : memory::dims{in_, 1});
  memory from(plain, onednn::engine(), stacked.data());
  memory to(layout_, onednn::engine(), data_);
  dnnl::reorder(from, to).execute(onednn::stream(), from, to);
  onednn::stream().wait();
}

PackedOperand::PackedOperand(Compute compute, Product product, std::int64_t out, std::int64_t in)
    : compute_(compute),
      product_(product),
      out_(out),
      in_(in),
      layout_(onednn::packed_layout(type(), reads(), writes())) {
  understood_ = understand(layout_, blocking_);
  amx_blocks_ = compute == Compute::Bf16 && is_amx_blocking(blocking_) && pack_bf16::ready();
  thin_ = understood_ && thin::suits(compute, reads(), writes(), blocking_);
}

void PackedOperand::pack(const StackedRows& w, std::int64_t first, float scale) {
  if (!understood_) return pack_by_reorder(w, first, scale);
  const std::int64_t strip = strip_rows();
  const bool in_memory = w.all_in_memory();
  parallel_for((out_ + strip - 1) / strip, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> decoded;  // kept between calls: weights are streamed again and again
    if (!in_memory && static_cast<std::int64_t>(decoded.size()) < strip * in_)
      decoded.resize(static_cast<std::size_t>(strip * in_));
    std::array<const float*, kMaxStripRows> rows{};
    for (std::int64_t s = begin; s < end; ++s) {
      const std::int64_t o0 = s * strip, n = std::min(strip, out_ - o0);
      w.locate(first + o0, n, decoded.data(), rows.data());
      const bool is_bf16 = compute_ == Compute::Bf16;
      if (amx_blocks_) {
        pack_bf16_blocks(rows.data(), o0, n, scale);
      } else if (blocking_.rows == 1) {
        is_bf16 ? pack_plain<bf16>(rows.data(), o0, n, scale) : pack_plain<float>(rows.data(), o0, n, scale);
      } else {
        is_bf16 ? pack_blocks<bf16>(rows.data(), o0, n, scale) : pack_blocks<float>(rows.data(), o0, n, scale);
      }
    }
    if (amx_blocks_) pack_bf16::finish_blocks();
  });
  if (thin_) groups_ = thin::nonzero_groups(compute_, reads(), writes(), blocking_, data_);
}

}  // namespace faqsmith
