// The small copies, each one parallel pass.
#include "ops/elementwise.h"

#include <algorithm>
#include <cstring>

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

template <class From, class To>
KERNEL_INLINE void cast(const From* __restrict x, To* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) store(y + i, load(x + i));
}

template <class T>
KERNEL_INLINE void add_scaled(const T* __restrict x, float* __restrict y, float scale, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += scale * load(x + i);
}

template <class T>
KERNEL_INLINE void add_row(const float* __restrict x, T* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) store(y + i, load(y + i) + x[i]);
}

// y may be x.
template <class T>
KERNEL_INLINE void multiply_row(const float* __restrict factors, const T* x, T* y, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) store(y + i, factors[i] * load(x + i));
}

template <class T>
KERNEL_INLINE void add_products(const T* __restrict a, const T* __restrict b, const float* __restrict weights,
                                float* __restrict sums, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += weights[i] * load(a + i) * load(b + i);
}

// 32 well mixed bits of (seed, index): two rounds of a multiply-xorshift hash (Mueller's, as used in hash32).
KERNEL_INLINE std::uint32_t mix(std::uint32_t seed_low, std::uint32_t seed_high, std::uint32_t index) {
  std::uint32_t h = (index ^ seed_low) * 0x9e3779b1u;
  h = (h ^ (h >> 16)) * 0x45d9f3bu;
  h = ((h ^ seed_high) ^ (h >> 16)) * 0x45d9f3bu;
  return h ^ (h >> 16);
}

}  // namespace

template <class From, class To>
void run(Cpu&, const Cast<From, To>& op) {
  parallel_for(op.x.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA { cast(op.x.data + begin, op.y.data + begin, end - begin); });
  });
}
template void run(Cpu&, const Cast<float, bf16>&);
template void run(Cpu&, const Cast<bf16, float>&);
template void run(Cpu&, const Cast<float, float>&);
template void run(Cpu&, const Cast<bf16, bf16>&);

template <class T>
void run(Cpu&, const AddInto<T>& op) {
  parallel_for(op.x.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA { add_scaled(op.x.data + begin, op.y.data + begin, op.scale, end - begin); });
  });
}
template void run(Cpu&, const AddInto<float>&);
template void run(Cpu&, const AddInto<bf16>&);

template <class T>
void run(Cpu&, const AddBias<T>& op) {
  const std::int64_t width = op.y.shape[1];
  parallel_for(op.y.shape[0], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t i = begin; i < end; ++i) add_row(op.bias.data, op.y.data + i * width, width);
    });
  });
}
template void run(Cpu&, const AddBias<float>&);
template void run(Cpu&, const AddBias<bf16>&);

// Each thread owns columns, so the sum's order does not depend on how many there are.
template <class T>
void run(Cpu&, const BiasGrad<T>& op) {
  const std::int64_t m = op.dy.shape[0], width = op.dy.shape[1];
  parallel_for(width, [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t i = 0; i < m; ++i)
        add_scaled(op.dy.data + i * width + begin, op.d_bias.data + begin, 1.0f, end - begin);
    });
  });
}
template void run(Cpu&, const BiasGrad<float>&);
template void run(Cpu&, const BiasGrad<bf16>&);

template <class T>
void run(Cpu&, const ScaleColumns<T>& op) {
  const std::int64_t width = op.x.shape[1];
  parallel_for(op.x.shape[0], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t i = begin; i < end; ++i)
        multiply_row(op.factors.data, op.x.data + i * width, op.y.data + i * width, width);
    });
  });
}
template void run(Cpu&, const ScaleColumns<float>&);
template void run(Cpu&, const ScaleColumns<bf16>&);

// Each thread owns columns, as in BiasGrad.
template <class T>
void run(Cpu&, const ColumnDots<T>& op) {
  const std::int64_t m = op.a.shape[0], width = op.a.shape[1];
  parallel_for(width, [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t i = 0; i < m; ++i) {
        const std::int64_t at = i * width + begin;
        add_products(op.a.data + at, op.b.data + at, op.weights.data + begin, op.sums.data + begin, end - begin);
      }
    });
  });
}
template void run(Cpu&, const ColumnDots<float>&);
template void run(Cpu&, const ColumnDots<bf16>&);

void run(Cpu&, const Scale& op) {
  parallel_for(op.x.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      float* __restrict x = op.x.data;
      for (std::int64_t i = begin; i < end; ++i) x[i] *= op.factor;
    });
  });
}

template <class T>
void run(Cpu&, const GatherRows<T>& op) {
  const std::int64_t width = op.x.shape[1];
  parallel_for(op.rows.shape[0], [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T* const from = op.x.data + op.rows.data[i] * width;
      std::copy(from, from + width, op.y.data + i * width);
    }
  });
}
template void run(Cpu&, const GatherRows<float>&);
template void run(Cpu&, const GatherRows<bf16>&);

template <class T>
void run(Cpu&, const ScatterAddRows<T>& op) {
  const std::int64_t width = op.x.shape[1];
  parallel_for(op.rows.shape[0], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t i = begin; i < end; ++i)
        add_scaled(op.x.data + i * width, op.y.data + op.rows.data[i] * width, 1.0f, width);
    });
  });
}
template void run(Cpu&, const ScatterAddRows<float>&);
template void run(Cpu&, const ScatterAddRows<bf16>&);

template <class T>
void run(Cpu&, const Dropout<T>& op) {
  const float keep = 1.0f / (1.0f - op.p);
  const auto threshold = static_cast<std::uint32_t>(static_cast<double>(op.p) * 4294967296.0);
  const auto low = static_cast<std::uint32_t>(op.seed), high = static_cast<std::uint32_t>(op.seed >> 32);
  parallel_for(op.x.shape.size(), [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
#pragma GCC ivdep
      for (std::int64_t i = begin; i < end; ++i) {
        const bool dropped = mix(low, high, static_cast<std::uint32_t>(i)) < threshold;
        store(op.y.data + i, dropped ? 0.0f : keep * load(op.x.data + i));
      }
    });
  });
}
template void run(Cpu&, const Dropout<float>&);
template void run(Cpu&, const Dropout<bf16>&);

}  // namespace faqsmith
