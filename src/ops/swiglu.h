// SwiGLU (Shazeer 2020, arXiv 2002.05202): y = silu(gate) * up on a fused [gate | up] buffer, and its gradient.
#pragma once
#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

template <class T>
struct Swiglu {
  In<T> gate_up;  // [m, 2 * ffn]: gate in the first half of each row, up in the second
  Out<T> y;       // [m, ffn]
};

template <class T>
struct SwigluGrad {
  In<T> gate_up;     // [m, 2 * ffn]
  In<T> dy;          // [m, ffn]
  Out<T> d_gate_up;  // [m, 2 * ffn]; may be gate_up's own memory
  Out<T> y = {};     // [m, ffn]: the forward result again, for the down projection's weight gradient; may be empty
};

template <class T>
void validate(const Swiglu<T>& op) {
  require(op.y.shape.rank == 2 && op.gate_up.shape == Shape{op.y.shape[0], 2 * op.y.shape[1]},
          "Swiglu: gate_up is [m, 2 * ffn], y [m, ffn]");
}
template <class T>
void validate(const SwigluGrad<T>& op) {
  require(op.dy.shape.rank == 2 && op.gate_up.shape == Shape{op.dy.shape[0], 2 * op.dy.shape[1]},
          "SwigluGrad: gate_up is [m, 2 * ffn], dy [m, ffn]");
  require(op.d_gate_up.shape == op.gate_up.shape, "SwigluGrad: d_gate_up has gate_up's shape");
  require(op.y.empty() || op.y.shape == op.dy.shape, "SwigluGrad: y is [m, ffn]");
}

template <class T>
void run(Cpu& cpu, const Swiglu<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const SwigluGrad<T>& op);

}  // namespace faqsmith
