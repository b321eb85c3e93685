// Swiglu in one pass. Bytes moved per element of y: forward 3 * sizeof(T), gradient 5 to 6 * sizeof(T).
#include "ops/swiglu.h"

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

template <class T>
KERNEL_INLINE void forward_row(const T* __restrict gate, const T* __restrict up, T* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = load(gate + i);
    store(y + i, g * sigmoid(g) * load(up + i));
  }
}

// d_gate and d_up may be gate and up themselves: every element is read before it is written.
template <class T>
KERNEL_INLINE void grad_row(const T* gate, const T* up, const T* __restrict dy, T* d_gate, T* d_up, T* __restrict y,
                            std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = load(gate + i), u = load(up + i), d = load(dy + i);
    const float sig = sigmoid(g), silu = g * sig;
    store(d_gate + i, d * u * (sig + silu * (1.0f - sig)));
    store(d_up + i, d * silu);
    if (y) store(y + i, silu * u);
  }
}

}  // namespace

template <class T>
void run(Cpu&, const Swiglu<T>& op) {
  parallel_for(op.y.shape[0], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t ffn = op.y.shape[1];
      for (std::int64_t row = begin; row < end; ++row) {
        const T* const gate = op.gate_up.data + row * 2 * ffn;
        forward_row(gate, gate + ffn, op.y.data + row * ffn, ffn);
      }
    });
  });
}
template void run(Cpu&, const Swiglu<float>&);
template void run(Cpu&, const Swiglu<bf16>&);

template <class T>
void run(Cpu&, const SwigluGrad<T>& op) {
  parallel_for(op.dy.shape[0], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t ffn = op.dy.shape[1];
      for (std::int64_t row = begin; row < end; ++row) {
        const T* const gate = op.gate_up.data + row * 2 * ffn;
        T* const d_gate = op.d_gate_up.data + row * 2 * ffn;
        const T* const dy = op.dy.data + row * ffn;
        if (op.y.empty()) {
          grad_row<T>(gate, gate + ffn, dy, d_gate, d_gate + ffn, nullptr, ffn);
        } else {
          grad_row<T>(gate, gate + ffn, dy, d_gate, d_gate + ffn, op.y.data + row * ffn, ffn);
        }
      }
    });
  });
}
template void run(Cpu&, const SwigluGrad<float>&);
template void run(Cpu&, const SwigluGrad<bf16>&);

}  // namespace faqsmith
