// Swiglu in one pass. Bytes moved per element of y: forward 3 * sizeof(T), gradient 5 to 6 * sizeof(T).
#include "ops/swiglu.h"

#include "ops/cpu/avx512.h"
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

#if defined(__x86_64__)
// The same loops with hardware rounding and without division: 2 x faster in bf16.
AVX512_INLINE __m512 sigmoid_16(__m512 x) {
  using namespace avx512;
  const __m512 one = _mm512_set1_ps(1.0f);
  // exp of at most 80, so that the estimate of the reciprocal stays finite; NaN comes back through x itself.
  return reciprocal(
      _mm512_add_ps(one, exp_ps(_mm512_min_ps(_mm512_sub_ps(_mm512_setzero_ps(), x), _mm512_set1_ps(80.0f)))));
}

AVX512_CODE void forward_row_bf16(const bf16* gate, const bf16* up, bf16* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __m512 g = avx512::load_16(gate + i);
    avx512::store_16(y + i, _mm512_mul_ps(_mm512_mul_ps(g, sigmoid_16(g)), avx512::load_16(up + i)));
  }
}

AVX512_CODE void grad_row_bf16(const bf16* gate, const bf16* up, const bf16* dy, bf16* d_gate, bf16* d_up, bf16* y,
                               std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __m512 g = avx512::load_16(gate + i), u = avx512::load_16(up + i), d = avx512::load_16(dy + i);
    const __m512 sig = sigmoid_16(g), silu = _mm512_mul_ps(g, sig);
    const __m512 slope = _mm512_add_ps(sig, _mm512_fnmadd_ps(silu, sig, silu));
    avx512::store_16(d_gate + i, _mm512_mul_ps(_mm512_mul_ps(d, u), slope));
    avx512::store_16(d_up + i, _mm512_mul_ps(d, silu));
    if (y) avx512::store_16(y + i, _mm512_mul_ps(silu, u));
  }
}
#endif

// Runs the intrinsics' version of a row if it exists for T and n; false if it does not.
template <class T>
bool try_forward_row(const T* gate, T* y, std::int64_t n) {
#if defined(__x86_64__)
  if constexpr (sizeof(T) == 2) {
    if (n % 16 == 0 && avx512::ready()) {
      forward_row_bf16(gate, gate + n, y, n);
      return true;
    }
  }
#endif
  return false;
}
template <class T>
bool try_grad_row(const T* gate, const T* dy, T* d_gate, T* y, std::int64_t n) {
#if defined(__x86_64__)
  if constexpr (sizeof(T) == 2) {
    if (n % 16 == 0 && avx512::ready()) {
      grad_row_bf16(gate, gate + n, dy, d_gate, d_gate + n, y, n);
      return true;
    }
  }
#endif
  return false;
}

}  // namespace

template <class T>
void run(Cpu&, const Swiglu<T>& op) {
  parallel_for(op.y.shape[0], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t ffn = op.y.shape[1];
      for (std::int64_t row = begin; row < end; ++row) {
        const T* const gate = op.gate_up.data + row * 2 * ffn;
        T* const y = op.y.data + row * ffn;
        if (!try_forward_row(gate, y, ffn)) forward_row(gate, gate + ffn, y, ffn);
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
        T* const y = op.y.empty() ? nullptr : op.y.data + row * ffn;
        if (try_grad_row(gate, dy, d_gate, y, ffn)) continue;
        if (y) {
          grad_row<T>(gate, gate + ffn, dy, d_gate, d_gate + ffn, y, ffn);
        } else {
          grad_row<T>(gate, gate + ffn, dy, d_gate, d_gate + ffn, nullptr, ffn);
        }
      }
    });
  });
}
template void run(Cpu&, const SwigluGrad<float>&);
template void run(Cpu&, const SwigluGrad<bf16>&);

}  // namespace faqsmith
