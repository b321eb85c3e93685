// Copies of rows, a sequence at a time; the sum over the copies of a shared row runs in their order, so that it is the
// same for any number of threads.
#include "ops/shared_prefix.h"

#include <algorithm>

#include "ops/cpu/block_gemm.h"
#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

// Where sequence s begins in both layouts.
struct Place {
  std::int64_t rolled, unrolled, own;  // own: rows that are not shared
};

Place place_of(const In<std::int32_t>& starts, std::int64_t s) {
  const std::int64_t begin = starts.data[s];
  return {begin, begin + (s - 1) * starts.data[0], starts.data[s + 1] - begin};
}

// The sum of one shared row's copies, in float32. sum: [width] scratch.
template <class T>
KERNEL_INLINE void sum_copies(const RollRows<T>& op, std::int64_t row, float* __restrict sum) {
  const std::int64_t width = op.y.shape[1], shared = op.starts.data[0], n = op.starts.shape[0] - 1;
  for (std::int64_t c = 0; c < width; ++c) sum[c] = 0.0f;
  for (std::int64_t s = 0; s < n; ++s) {
    const T* __restrict copy = op.x.data + (op.starts.data[s] + (s - 1) * shared + row) * width;
    for (std::int64_t c = 0; c < width; ++c) sum[c] += load(copy + c);
  }
  for (std::int64_t c = 0; c < width; ++c) store(op.y.data + row * width + c, sum[c]);
}

}  // namespace

template <class T>
void run(Cpu&, const UnrollRows<T>& op) {
  const std::int64_t width = op.x.shape[1], shared = op.starts.data[0];
  parallel_each(op.starts.shape[0] - 1, [&](std::int64_t s) {
    const Place place = place_of(op.starts, s);
    T* const to = op.y.data + place.unrolled * width;
    if (s == 0 || op.shared == SharedRows::Every) {
      std::copy_n(op.x.data, shared * width, to);
    } else {
      std::fill_n(to, shared * width, T{});
    }
    std::copy_n(op.x.data + place.rolled * width, place.own * width, to + shared * width);
  });
}
template void run(Cpu&, const UnrollRows<float>&);
template void run(Cpu&, const UnrollRows<bf16>&);

template <class T>
void run(Cpu&, const RollRows<T>& op) {
  const std::int64_t width = op.y.shape[1], shared = op.starts.data[0], n = op.starts.shape[0] - 1;
  parallel_each(n, [&](std::int64_t s) {
    const Place place = place_of(op.starts, s);
    std::copy_n(op.x.data + (place.unrolled + shared) * width, place.own * width, op.y.data + place.rolled * width);
  });
  if (op.shared == SharedRows::First) {
    std::copy_n(op.x.data, shared * width, op.y.data);
    return;
  }
  parallel_each(shared, [&](std::int64_t row) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      Scratch scratch(width);
      sum_copies(op, row, scratch.take(width));
    });
  });
}
template void run(Cpu&, const RollRows<float>&);
template void run(Cpu&, const RollRows<bf16>&);

}  // namespace faqsmith
