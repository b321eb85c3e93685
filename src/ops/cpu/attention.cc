// Attention, one sequence and key/value head at a time: its keys and values are turned into float32 once and serve the
// whole group of query heads, in blocks of 32 queries whose scores stay in the second-level cache.
#include "ops/attention.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/attention_amx.h"
#include "ops/cpu/block_gemm.h"
#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

constexpr std::int64_t kQueryRows = 32;

// What one sequence and key/value head is in the batch.
struct Item {
  std::int64_t begin, length;  // rows of the batch
  std::int64_t kv_head;
};

Item item_of(const In<std::int32_t>& cu_seqlens, const Heads& heads, std::int64_t index) {
  const std::int64_t s = index / heads.n_kv_heads;
  return {cu_seqlens.data[s], cu_seqlens.data[s + 1] - cu_seqlens.data[s], index % heads.n_kv_heads};
}

// [length, dim] rows of a strided matrix to float [length, padded], scaled, padding zero.
template <class T>
KERNEL_INLINE void copy_rows(const T* from, std::int64_t stride, std::int64_t length, std::int64_t dim, float scale,
                             float* to, std::int64_t padded) {
  for (std::int64_t i = 0; i < length; ++i) {
    const T* __restrict row = from + i * stride;
    float* __restrict out = to + i * padded;
    for (std::int64_t d = 0; d < dim; ++d) out[d] = scale * load(row + d);
    for (std::int64_t d = dim; d < padded; ++d) out[d] = 0.0f;
  }
}

// The same rows transposed: to [dim, padded_length], padding zero.
template <class T>
KERNEL_INLINE void copy_transposed(const T* from, std::int64_t stride, std::int64_t length, std::int64_t dim, float* to,
                                   std::int64_t padded_length) {
  for (std::int64_t d = 0; d < dim; ++d) {
    float* __restrict out = to + d * padded_length;
    for (std::int64_t i = 0; i < length; ++i) out[i] = load(from + i * stride + d);
    for (std::int64_t i = length; i < padded_length; ++i) out[i] = 0.0f;
  }
}

// Scores to unnormalised probabilities exp(s - max); keys outside [first, end) become 0. Returns max and sum.
struct Softmax {
  float max, sum;
};
KERNEL_INLINE Softmax softmax_row(float* __restrict s, std::int64_t first, std::int64_t end, std::int64_t padded) {
  const float max = max_of(s + first, end - first);
  float sum = 0.0f;
  for (std::int64_t j = 0; j < first; ++j) s[j] = 0.0f;
  for (std::int64_t j = first; j < end; ++j) {
    const float e = fast_exp(s[j] - max);
    s[j] = e;
    sum += e;
  }
  for (std::int64_t j = end; j < padded; ++j) s[j] = 0.0f;
  return {max, sum};
}

// Keys before this one are seen by no query of a block that starts at position r0; a whole block of columns.
KERNEL_INLINE std::int64_t first_column(const Heads& heads, std::int64_t r0) {
  return heads.first_key(r0) / kBlockColumns * kBlockColumns;
}

template <class T, int lanes>
KERNEL_INLINE void forward_item(VectorWidth<lanes> width, const Attention<T>& op, Item item, Scratch& scratch) {
  const std::int64_t dim = op.heads.head_dim, dim_p = round_up(dim, kBlockColumns),
                     length_p = round_up(item.length, kBlockColumns);
  const std::int64_t group = op.heads.n_heads / op.heads.n_kv_heads, stride = op.heads.qkv_width(),
                     out_stride = op.heads.q_width();
  const T* const rows = op.qkv.data + item.begin * stride;
  const T* const k = rows + op.heads.q_width() + item.kv_head * dim;
  float* const k_t = scratch.take(dim * length_p);
  float* const v = scratch.take(length_p * dim_p);
  float* const q = scratch.take(kQueryRows * dim_p);
  float* const s = scratch.take(kQueryRows * length_p);
  float* const o = scratch.take(kQueryRows * dim_p);
  copy_transposed(k, stride, item.length, dim, k_t, length_p);
  copy_rows(k + op.heads.kv_width(), stride, item.length, dim, 1.0f, v, dim_p);
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  for (std::int64_t h = item.kv_head * group; h < (item.kv_head + 1) * group; ++h) {
    for (std::int64_t r0 = 0; r0 < item.length; r0 += kQueryRows) {
      const std::int64_t m = std::min(kQueryRows, item.length - r0), m_p = round_up(m, kBlockRows), n = r0 + m,
                         k0 = first_column(op.heads, r0);
      copy_rows(rows + r0 * stride + h * dim, stride, m, dim, scale, q, dim_p);
      block_gemm<BlockWrite::Replace>(width, {q, dim_p, 1}, k_t + k0, length_p, s + k0, length_p, m_p, dim,
                                      round_up(n, kBlockColumns) - k0);
      float inverse[kQueryRows];
      for (std::int64_t i = 0; i < m; ++i) {
        const Softmax row =
            softmax_row(s + i * length_p + k0, op.heads.first_key(r0 + i) - k0, r0 + i + 1 - k0, n - k0);
        inverse[i] = 1.0f / row.sum;
        if (!op.lse.empty()) op.lse.data[(item.begin + r0 + i) * op.heads.n_heads + h] = row.max + std::log(row.sum);
      }
      block_gemm<BlockWrite::Replace>(width, {s + k0, length_p, 1}, v + k0 * dim_p, dim_p, o, dim_p, m_p, n - k0,
                                      dim_p);
      for (std::int64_t i = 0; i < m; ++i) {
        T* __restrict out = op.out.data + (item.begin + r0 + i) * out_stride + h * dim;
        for (std::int64_t d = 0; d < dim; ++d) store(out + d, o[i * dim_p + d] * inverse[i]);
      }
    }
  }
}

std::int64_t forward_floats(std::int64_t length, std::int64_t dim) {
  const std::int64_t length_p = round_up(length, kBlockColumns), dim_p = round_up(dim, kBlockColumns);
  return (length_p + kQueryRows) * (2 * dim_p) + kQueryRows * length_p + 8 * kBlockColumns;
}

// One item's float32 copies and sums for the gradient.
struct GradBlocks {
  float *k_t, *v_t;      // [dim, length_p]
  float *k, *d_k, *d_v;  // [length_p, dim_p]
  float *q, *d_o, *d_q;  // [kQueryRows, dim_p]; q is scaled
  float *p, *d_s;        // [kQueryRows, length_p]
  std::int64_t dim_p, length_p;
};

KERNEL_INLINE GradBlocks take_grad_blocks(Scratch& scratch, std::int64_t length, std::int64_t dim) {
  GradBlocks b{};
  b.dim_p = round_up(dim, kBlockColumns);
  b.length_p = round_up(length, kBlockColumns);
  for (float** matrix : {&b.k_t, &b.v_t}) *matrix = scratch.take(dim * b.length_p);
  for (float** matrix : {&b.k, &b.d_k, &b.d_v}) *matrix = scratch.take(b.length_p * b.dim_p);
  for (float** matrix : {&b.q, &b.d_o, &b.d_q}) *matrix = scratch.take(kQueryRows * b.dim_p);
  for (float** matrix : {&b.p, &b.d_s}) *matrix = scratch.take(kQueryRows * b.length_p);
  return b;
}

std::int64_t grad_floats(std::int64_t length, std::int64_t dim) {
  const std::int64_t length_p = round_up(length, kBlockColumns), dim_p = round_up(dim, kBlockColumns);
  return 5 * length_p * dim_p + 3 * kQueryRows * dim_p + 2 * kQueryRows * length_p + 16 * kBlockColumns;
}

// p holds scores and becomes probabilities; d_s holds dP and becomes dS = P * (dP - delta). Keys [first, end) are seen.
KERNEL_INLINE void grad_row(float* __restrict p, float* __restrict d_s, float lse, float delta, std::int64_t first,
                            std::int64_t end, std::int64_t padded) {
  for (std::int64_t j = 0; j < first; ++j) p[j] = d_s[j] = 0.0f;
  for (std::int64_t j = first; j < end; ++j) {
    const float probability = fast_exp(p[j] - lse);
    p[j] = probability;
    d_s[j] = probability * (d_s[j] - delta);
  }
  for (std::int64_t j = end; j < padded; ++j) p[j] = d_s[j] = 0.0f;
}

// The block's share of dQ, dK and dV: rows r0 .. r0 + m of head h.
template <class T, int lanes>
KERNEL_INLINE void grad_block(VectorWidth<lanes> width, const AttentionGrad<T>& op, Item item, std::int64_t h,
                              std::int64_t r0, const GradBlocks& b) {
  const std::int64_t dim = op.heads.head_dim, stride = op.heads.qkv_width(), out_stride = op.heads.q_width();
  const std::int64_t m = std::min(kQueryRows, item.length - r0), m_p = round_up(m, kBlockRows),
                     k0 = first_column(op.heads, r0), n_p = round_up(r0 + m, kBlockColumns) - k0;
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  const std::int64_t row = item.begin + r0;
  copy_rows(op.qkv.data + row * stride + h * dim, stride, m, dim, scale, b.q, b.dim_p);
  copy_rows(op.d_out.data + row * out_stride + h * dim, out_stride, m, dim, 1.0f, b.d_o, b.dim_p);
  float* const p = b.p + k0;
  float* const d_s = b.d_s + k0;
  block_gemm<BlockWrite::Replace>(width, {b.q, b.dim_p, 1}, b.k_t + k0, b.length_p, p, b.length_p, m_p, dim, n_p);
  block_gemm<BlockWrite::Replace>(width, {b.d_o, b.dim_p, 1}, b.v_t + k0, b.length_p, d_s, b.length_p, m_p, dim, n_p);
  for (std::int64_t i = 0; i < m; ++i) {
    const T* __restrict out = op.out.data + (row + i) * out_stride + h * dim;
    float delta = 0.0f;
    for (std::int64_t d = 0; d < dim; ++d) delta += b.d_o[i * b.dim_p + d] * load(out + d);
    grad_row(p + i * b.length_p, d_s + i * b.length_p, op.lse.data[(row + i) * op.heads.n_heads + h], delta,
             op.heads.first_key(r0 + i) - k0, r0 + i + 1 - k0, n_p);
  }
  block_gemm<BlockWrite::Replace>(width, {d_s, b.length_p, 1}, b.k + k0 * b.dim_p, b.dim_p, b.d_q, b.dim_p, m_p,
                                  r0 + m - k0, b.dim_p);
  block_gemm<BlockWrite::Add>(width, {p, 1, b.length_p}, b.d_o, b.dim_p, b.d_v + k0 * b.dim_p, b.dim_p, n_p, m,
                              b.dim_p);
  block_gemm<BlockWrite::Add>(width, {d_s, 1, b.length_p}, b.q, b.dim_p, b.d_k + k0 * b.dim_p, b.dim_p, n_p, m,
                              b.dim_p);
  for (std::int64_t i = 0; i < m; ++i) {
    T* __restrict d_q = op.d_qkv.data + (row + i) * stride + h * dim;
    for (std::int64_t d = 0; d < dim; ++d) store(d_q + d, scale * b.d_q[i * b.dim_p + d]);
  }
}

template <class T, int lanes>
KERNEL_INLINE void grad_item(VectorWidth<lanes> width, const AttentionGrad<T>& op, Item item, Scratch& scratch) {
  const std::int64_t dim = op.heads.head_dim, stride = op.heads.qkv_width(),
                     group = op.heads.n_heads / op.heads.n_kv_heads;
  const GradBlocks b = take_grad_blocks(scratch, item.length, dim);
  const std::int64_t k_column = op.heads.q_width() + item.kv_head * dim, v_column = k_column + op.heads.kv_width();
  const T* const rows = op.qkv.data + item.begin * stride;
  copy_transposed(rows + k_column, stride, item.length, dim, b.k_t, b.length_p);
  copy_transposed(rows + v_column, stride, item.length, dim, b.v_t, b.length_p);
  copy_rows(rows + k_column, stride, item.length, dim, 1.0f, b.k, b.dim_p);
  std::fill(b.d_k, b.d_k + b.length_p * b.dim_p, 0.0f);
  std::fill(b.d_v, b.d_v + b.length_p * b.dim_p, 0.0f);
  for (std::int64_t h = item.kv_head * group; h < (item.kv_head + 1) * group; ++h) {
    for (std::int64_t r0 = 0; r0 < item.length; r0 += kQueryRows) grad_block(width, op, item, h, r0, b);
  }
  for (std::int64_t i = 0; i < item.length; ++i) {
    T* __restrict d = op.d_qkv.data + (item.begin + i) * stride;
    for (std::int64_t c = 0; c < dim; ++c) {
      store(d + k_column + c, b.d_k[i * b.dim_p + c]);
      store(d + v_column + c, b.d_v[i * b.dim_p + c]);
    }
  }
}

}  // namespace

template <class T>
void run(Cpu&, const Attention<T>& op) {
  const std::int64_t n_items = (op.cu_seqlens.shape[0] - 1) * op.heads.n_kv_heads;
  parallel_each(n_items, [&](std::int64_t index) {
    const Item item = item_of(op.cu_seqlens, op.heads, index);
    if constexpr (sizeof(T) == 2) {
      if (amx::can_attend(op.heads)) return amx::attend(op, {item.begin, item.length, item.kv_head});
    }
    with_best_isa([=](auto width) KERNEL_LAMBDA {
      Scratch scratch(forward_floats(item.length, op.heads.head_dim));
      forward_item(width, op, item, scratch);
    });
  });
}
template void run(Cpu&, const Attention<float>&);
template void run(Cpu&, const Attention<bf16>&);

template <class T>
void run(Cpu&, const AttentionGrad<T>& op) {
  const std::int64_t n_items = (op.cu_seqlens.shape[0] - 1) * op.heads.n_kv_heads;
  parallel_each(n_items, [&](std::int64_t index) {
    const Item item = item_of(op.cu_seqlens, op.heads, index);
    if constexpr (sizeof(T) == 2) {
      if (amx::can_attend(op.heads)) return amx::attend_grad(op, {item.begin, item.length, item.kv_head});
    }
    with_best_isa([=](auto width) KERNEL_LAMBDA {
      Scratch scratch(grad_floats(item.length, op.heads.head_dim));
      grad_item(width, op, item, scratch);
    });
  });
}
template void run(Cpu&, const AttentionGrad<float>&);
template void run(Cpu&, const AttentionGrad<bf16>&);

}  // namespace faqsmith
