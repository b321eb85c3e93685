// Rope in place, row by row: each head's two halves are read once and written once.
#include "ops/rope.h"

#include <cmath>

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

RopeTable::RopeTable(std::int64_t max_positions, std::span<const double> frequencies, double scale)
    : max_positions_(max_positions), head_dim_(2 * static_cast<std::int64_t>(frequencies.size())) {
  require(max_positions > 0 && head_dim_ > 0, "RopeTable: there are positions and frequencies");
  const std::int64_t half = head_dim_ / 2;
  cos_ = Buffer<float>({max_positions, half});
  sin_ = Buffer<float>({max_positions, half});
  for (std::int64_t p = 0; p < max_positions; ++p) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(p) * frequencies[static_cast<std::size_t>(i)];
      cos_[p * half + i] = static_cast<float>(scale * std::cos(angle));
      sin_[p * half + i] = static_cast<float>(scale * std::sin(angle));
    }
  }
}

namespace {

template <class T>
KERNEL_INLINE void rotate_head(T* __restrict low, T* __restrict high, const float* __restrict c,
                               const float* __restrict s, float sign, std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = load(low + i), b = load(high + i), sine = sign * s[i];
    store(low + i, a * c[i] - b * sine);
    store(high + i, b * c[i] + a * sine);
  }
}

}  // namespace

template <class T>
void run(Cpu&, const Rope<T>& op) {
  parallel_for(op.qkv.shape[0], [&](std::int64_t begin, std::int64_t end) {
    const RopeTable* const table = op.table;
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t head_dim = table->head_dim(), n_rotated = op.n_heads + op.n_kv_heads;
      const float sign = op.rotation == Rotation::Forward ? 1.0f : -1.0f;
      for (std::int64_t row = begin; row < end; ++row) {
        const float* const c = table->cos(op.positions.data[row]);
        const float* const s = table->sin(op.positions.data[row]);
        T* const heads = op.qkv.data + row * op.qkv.shape[1];
        for (std::int64_t h = 0; h < n_rotated; ++h) {
          T* const head = heads + h * head_dim;
          rotate_head(head, head + head_dim / 2, c, s, sign, head_dim / 2);
        }
      }
    });
  });
}
template void run(Cpu&, const Rope<float>&);
template void run(Cpu&, const Rope<bf16>&);

}  // namespace faqsmith
