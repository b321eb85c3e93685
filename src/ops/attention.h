// Causal self-attention over packed sequences, block-diagonal (no token sees another sequence), grouped queries
// (Ainslie et al. 2023, arXiv 2305.13245), and its gradient, which recomputes the probabilities from the saved
// log-sum-exp (Dao 2023, arXiv 2307.08691): no [m, m] matrix is ever in memory. Sums are float32.
#pragma once
#include <cstdint>

#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

struct Heads {
  std::int64_t n_heads = 0;     // query heads
  std::int64_t n_kv_heads = 0;  // divides n_heads; query head h reads key/value head h / (n_heads / n_kv_heads)
  std::int64_t head_dim = 0;    // scores are scaled by 1 / sqrt(head_dim)
  std::int64_t window = 0;  // keys that a query sees, its own included (Beltagy et al. 2020, arXiv 2004.05150); 0 = all
  [[nodiscard]] std::int64_t qkv_width() const { return (n_heads + 2 * n_kv_heads) * head_dim; }
  [[nodiscard]] std::int64_t q_width() const { return n_heads * head_dim; }
  [[nodiscard]] std::int64_t kv_width() const { return n_kv_heads * head_dim; }
  // The first key that a query at `position` of its sequence sees.
  [[nodiscard]] std::int64_t first_key(std::int64_t position) const {
    return window > 0 && position >= window ? position - window + 1 : 0;
  }
};

template <class T>
struct Attention {
  In<T> qkv;                    // [m, qkv_width]: q | k | v, after Rope
  In<std::int32_t> cu_seqlens;  // [n_sequences + 1], rising, first 0, last m: sequence s is rows [cu[s], cu[s + 1])
  Heads heads;
  Out<T> out;           // [m, q_width]
  Out<float> lse = {};  // [m, n_heads]: log of the sum of exp(scaled scores), for the gradient; may be empty
};

template <class T>
struct AttentionGrad {
  In<T> qkv;                    // [m, qkv_width]
  In<std::int32_t> cu_seqlens;  // [n_sequences + 1]
  Heads heads;
  In<T> out;      // [m, q_width], from the forward pass
  In<float> lse;  // [m, n_heads], from the forward pass
  In<T> d_out;    // [m, q_width]
  Out<T> d_qkv;   // [m, qkv_width]
};

inline void validate_heads(const Heads& h) {
  require(h.n_heads > 0 && h.n_kv_heads > 0 && h.head_dim > 0 && h.n_heads % h.n_kv_heads == 0,
          "Heads: n_kv_heads divides n_heads");
  require(h.head_dim <= 256 && h.window >= 0, "Heads: head_dim is at most 256");
}
inline void validate_cu_seqlens(const In<std::int32_t>& cu, std::int64_t m) {
  require(cu.shape.rank == 1 && cu.shape[0] >= 1 && cu.data[0] == 0 && cu.data[cu.shape[0] - 1] == m,
          "cu_seqlens runs from 0 to m");
  for (std::int64_t i = 1; i < cu.shape[0]; ++i) require(cu.data[i - 1] <= cu.data[i], "cu_seqlens rises");
}

template <class T>
void validate(const Attention<T>& op) {
  validate_heads(op.heads);
  const std::int64_t m = op.qkv.shape[0];
  require(op.qkv.shape == Shape{m, op.heads.qkv_width()}, "Attention: qkv is [m, qkv_width]");
  require(op.out.shape == Shape{m, op.heads.q_width()}, "Attention: out is [m, n_heads * head_dim]");
  require(op.lse.empty() || op.lse.shape == Shape{m, op.heads.n_heads}, "Attention: lse is [m, n_heads]");
  validate_cu_seqlens(op.cu_seqlens, m);
}

template <class T>
void validate(const AttentionGrad<T>& op) {
  validate_heads(op.heads);
  const std::int64_t m = op.qkv.shape[0];
  require(op.qkv.shape == Shape{m, op.heads.qkv_width()} && op.d_qkv.shape == op.qkv.shape,
          "AttentionGrad: qkv and d_qkv are [m, qkv_width]");
  require(op.out.shape == Shape{m, op.heads.q_width()} && op.d_out.shape == op.out.shape,
          "AttentionGrad: out and d_out are [m, q_width]");
  require(op.lse.shape == Shape{m, op.heads.n_heads}, "AttentionGrad: lse is [m, n_heads]");
  validate_cu_seqlens(op.cu_seqlens, m);
}

template <class T>
void run(Cpu& cpu, const Attention<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const AttentionGrad<T>& op);

}  // namespace faqsmith
