// dW += dy^T x. In slices of 512 rows, whose parts of dy and x stay in the second-level cache: measured 1.6 x faster
// than one product of 2,048 rows. In bf16 the slices are transposed and packed by our own copies, because oneDNN is 1.4
// x faster on operands in its own layouts than on a transposed dy.
#include <algorithm>

#include "ops/cpu/onednn.h"
#include "ops/cpu/pack_bf16.h"
#include "ops/cpu/packed_layout.h"
#include "ops/matmul.h"
#include "sys/parallel.h"
#include "tensor/buffer.h"

namespace faqsmith {

using onednn::kTypeOf;
using onednn::Type;

namespace {

constexpr std::int64_t kSliceRows = 512, kSliceOutputs = 3072;

// One slice's operands: rows [begin, begin + k) of dy and x.
template <class T>
struct Slice {
  const T* dy;
  const T* x;
  std::int64_t dy_stride, x_stride, k;
};

template <class T>
Slice<T> slice_of(const MatmulWeightGrad<T>& op, std::int64_t begin) {
  const std::int64_t dy_stride = op.dy.shape[1], x_stride = op.x.shape[1];
  return {op.dy.data + begin * dy_stride + op.dy_column, op.x.data + begin * x_stride + op.x_column, dy_stride,
          x_stride, std::min(kSliceRows, op.x.shape[0] - begin)};
}

template <class T>
void add_directly(const MatmulWeightGrad<T>& op, const Slice<T>& slice) {
  onednn::multiply({.type = kTypeOf<T>,
                    .c_type = Type::f32,
                    .m = op.dw.shape[0],
                    .k = slice.k,
                    .n = op.dw.shape[1],
                    .lda = slice.dy_stride,
                    .ldb = slice.x_stride,
                    .ldc = op.dw.shape[1],
                    .a_transposed = true,
                    .add = true,
                    .scale = op.scale},
                   slice.dy, slice.x, op.dw.data);
}

// Memory of the calling thread for the copies of a slice.
bf16* thread_copies(std::int64_t n) {
  thread_local Buffer<bf16> memory;
  if (memory.size() < n) memory = Buffer<bf16>({n});
  return memory.data();
}

// Columns [first, first + n) of the slice's dy, transposed to [n, k_p].
void transpose_dy(const Slice<bf16>& slice, std::int64_t first, std::int64_t n, std::int64_t k_p, bf16* to) {
  parallel_for(n / 32, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t strip = begin; strip < end; ++strip) {
      pack_bf16::transpose_strip(slice.dy + first + strip * 32, slice.dy_stride, slice.k, k_p, to + strip * 32 * k_p,
                                 k_p);
    }
  });
}

void pack_x(const Slice<bf16>& slice, std::int64_t n_columns, std::int64_t k_p, const Blocking& b, bf16* to) {
  parallel_for(k_p / b.rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t rb = begin; rb < end; ++rb) {
      const std::int64_t r0 = rb * b.rows;
      pack_bf16::activation_blocks(slice.x + r0 * slice.x_stride, slice.x_stride, slice.k - r0, n_columns,
                                   to + rb * b.row_stride, b.column_stride);
    }
  });
}

// False if the shape or the processor wants the direct way.
bool add_packed(const MatmulWeightGrad<bf16>& op, const Slice<bf16>& slice) {
  const std::int64_t out = op.dw.shape[0], in = op.dw.shape[1], k_p = (slice.k + 31) / 32 * 32;
  if (!pack_bf16::ready() || out % 32 != 0 || slice.k < 32) return false;
  const dnnl::memory::desc layout = onednn::packed_layout(Type::bf16, k_p, in);
  Blocking blocking;
  if (!understand(layout, blocking) || !is_amx_blocking(blocking)) return false;
  const auto x_elements = static_cast<std::int64_t>(layout.get_size() / sizeof(bf16));
  bf16* const x = thread_copies(x_elements + kSliceOutputs * k_p);
  bf16* const dy = x + x_elements;
  pack_x(slice, in, k_p, blocking, x);
  for (std::int64_t first = 0; first < out; first += kSliceOutputs) {
    const std::int64_t n = std::min(kSliceOutputs, out - first);
    transpose_dy(slice, first, n, k_p, dy);
    onednn::multiply({.type = Type::bf16,
                      .c_type = Type::f32,
                      .m = n,
                      .k = k_p,
                      .n = in,
                      .lda = k_p,
                      .ldc = in,
                      .add = true,
                      .scale = op.scale,
                      .packed_b = &layout},
                     dy, x, op.dw.data + first * in);
  }
  return true;
}

}  // namespace

template <class T>
void run(Cpu&, const MatmulWeightGrad<T>& op) {
  for (std::int64_t begin = 0; begin < op.x.shape[0]; begin += kSliceRows) {
    const Slice<T> slice = slice_of(op, begin);
    if constexpr (sizeof(T) == 2) {
      if (add_packed(op, slice)) continue;
    }
    add_directly(op, slice);
  }
}
template void run(Cpu&, const MatmulWeightGrad<float>&);
template void run(Cpu&, const MatmulWeightGrad<bf16>&);

}  // namespace faqsmith
