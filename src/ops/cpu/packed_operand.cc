// Packing of weights. The copies are ours where oneDNN's layout is the blocked one of its AVX-512 and AMX kernels (16
// rows x 64 columns, pairs of rows interleaved in bf16), because its own reorder is slow there.
#include "ops/cpu/packed_operand.h"

#include <algorithm>

#include "ops/cpu/kernel.h"
#include "ops/cpu/pack_bf16.h"
#include "sys/parallel.h"

namespace faqsmith {

using onednn::Type;

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
void PackedOperand::pack_blocks(float scale) {
  const Blocking b = blocking_;
  const std::int64_t n_rows = reads(), n_columns = writes();
  const std::int64_t row_blocks = (n_rows + b.rows - 1) / b.rows;
  const bool is_forward = forward();
  const float* const* const w = rows_;
  T* const to = reinterpret_cast<T*>(data_.data());
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

void PackedOperand::pack_bf16_blocks(float scale) {
  parallel_for((writes() + blocking_.columns - 1) / blocking_.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t cb = begin; cb < end; ++cb) {
      const std::int64_t c0 = cb * blocking_.columns, nc = std::min(blocking_.columns, writes() - c0);
      for (std::int64_t r0 = 0; r0 < reads(); r0 += blocking_.rows) {
        const std::int64_t nr = std::min(blocking_.rows, reads() - r0);
        bf16* const block = reinterpret_cast<bf16*>(data_.data()) + r0 / blocking_.rows * blocking_.row_stride +
                            cb * blocking_.column_stride;
        if (forward()) {
          pack_bf16::transposed_block(rows_ + c0, r0, nr, nc, scale, block);
        } else {
          pack_bf16::straight_block(rows_ + r0, nr, c0, nc, scale, block);
        }
      }
    }
    pack_bf16::finish_blocks();
  });
}

template <class T>
void PackedOperand::pack_plain(float scale) {
  const std::int64_t row_step = forward() ? blocking_.column_stride : blocking_.row_stride;
  const std::int64_t step = forward() ? blocking_.row_stride : blocking_.column_stride;
  const std::int64_t n = in_;
  const float* const* const w = rows_;
  T* const to = reinterpret_cast<T*>(data_.data());
  // Squares of 16 x 16, because one side of the copy is strided: a cache line is then used 16 times, not once.
  constexpr std::int64_t kSide = 16;
  parallel_for((out_ + kSide - 1) / kSide, [=, n_rows = out_](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o0 = begin * kSide; o0 < std::min(end * kSide, n_rows); o0 += kSide) {
      for (std::int64_t i0 = 0; i0 < n; i0 += kSide) {
        for (std::int64_t o = o0; o < std::min(o0 + kSide, n_rows); ++o) {
          for (std::int64_t i = i0; i < std::min(i0 + kSide, n); ++i)
            store(to + o * row_step + i * step, scale * w[o][i]);
        }
      }
    }
  });
}

void PackedOperand::pack_by_reorder(float scale) {
  Buffer<float> stacked({out_, in_});
  for (std::int64_t o = 0; o < out_; ++o) {
    for (std::int64_t i = 0; i < in_; ++i) stacked[o * in_ + i] = scale * rows_[o][i];
  }
  using dnnl::memory;
  const memory::desc plain({reads(), writes()}, Type::f32, forward() ? memory::dims{1, in_} : memory::dims{in_, 1});
  memory from(plain, onednn::engine(), stacked.data());
  memory to(layout_, onednn::engine(), data_.data());
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
  data_ = Buffer<std::uint8_t>({static_cast<std::int64_t>(layout_.get_size())});
}

void PackedOperand::pack(const float* const* rows, float scale) {
  rows_ = rows;
  const bool is_bf16 = compute_ == Compute::Bf16;
  if (!understood_) {
    pack_by_reorder(scale);
  } else if (blocking_.rows == 1) {
    is_bf16 ? pack_plain<bf16>(scale) : pack_plain<float>(scale);
  } else {
    is_bf16 ? pack_blocks<bf16>(scale) : pack_blocks<float>(scale);
  }
  rows_ = nullptr;
}

}  // namespace faqsmith
