// Products of small blocks for attention: c = a b with c's tile held in registers; b is float32 or bf16. Blocks are
// padded so that no edge case is needed: m to 4 rows, n to 16 columns; most live in the thread's scratch memory.
// Non-goal: large matrices (oneDNN's job).
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ops/cpu/kernel.h"
#include "tensor/buffer.h"

namespace faqsmith {

constexpr std::int64_t kBlockRows = 4, kBlockColumns = 16;
[[nodiscard]] constexpr std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

// Memory of the calling thread, kept between calls and grown when needed. Contents are left over from earlier use.
class Scratch {
 public:
  explicit Scratch(std::int64_t n_floats) : memory_(thread_memory(n_floats)) {}
  // The next n floats, 64-byte aligned.
  [[nodiscard]] float* take(std::int64_t n) {
    float* const at = memory_ + used_;
    used_ += round_up(n, kBlockColumns);
    return at;
  }

 private:
  static float* thread_memory(std::int64_t n_floats) {
    thread_local Buffer<float> memory;
    if (memory.size() < n_floats) memory = Buffer<float>({n_floats});
    return memory.data();
  }
  float* memory_;
  std::int64_t used_ = 0;
};

// a's element (i, p) is data[i * row_step + p * column_step], so a transposed block needs no copy.
struct BlockA {
  const float* data;
  std::int64_t row_step, column_step;
};

enum class BlockWrite { Replace, Add };

namespace kernel_detail {

template <int lanes>
struct VectorOf {
  using type __attribute__((vector_size(4 * lanes), aligned(4), may_alias)) = float;
  using Words __attribute__((vector_size(4 * lanes))) = std::uint32_t;
  using Halves __attribute__((vector_size(2 * lanes), aligned(2), may_alias)) = std::uint16_t;
};

// By reference: a vector as the result of a function has no ABI in baseline code.
template <int lanes>
KERNEL_INLINE void load_vector(const float* p, typename VectorOf<lanes>::type& to) {
  to = *reinterpret_cast<const typename VectorOf<lanes>::type*>(p);
}
template <int lanes>
KERNEL_INLINE void load_vector(const bf16* p, typename VectorOf<lanes>::type& to) {
  using Halves = typename VectorOf<lanes>::Halves;
  using Words = typename VectorOf<lanes>::Words;
  const Words words = __builtin_convertvector(*reinterpret_cast<const Halves*>(p), Words) << 16;
  to = reinterpret_cast<typename VectorOf<lanes>::type>(words);
}

template <int lanes, int n_vectors, BlockWrite write, class B, class Next>
KERNEL_INLINE void tile(BlockA a, const B* __restrict b, std::int64_t ldb, float* __restrict c, std::int64_t ldc,
                        std::int64_t k, Next next) {
  using Vector = typename VectorOf<lanes>::type;
  Vector sum[kBlockRows][n_vectors];
#pragma GCC unroll 4
  for (int i = 0; i < kBlockRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < n_vectors; ++v) {
      if constexpr (write == BlockWrite::Add) {
        sum[i][v] = *reinterpret_cast<const Vector*>(c + i * ldc + v * lanes);
      } else {
        sum[i][v] = Vector{};
      }
    }
  }
  for (std::int64_t p = 0; p < k; ++p) {
    Vector row[n_vectors];
#pragma GCC unroll 4
    for (int v = 0; v < n_vectors; ++v) {
      load_vector<lanes>(b + p * ldb + v * lanes, row[v]);
      if constexpr (!std::is_null_pointer_v<Next>) __builtin_prefetch(next + p * ldb + v * lanes, 0, 2);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kBlockRows; ++i) {
      const float factor = a.data[i * a.row_step + p * a.column_step];
#pragma GCC unroll 4
      for (int v = 0; v < n_vectors; ++v) sum[i][v] += factor * row[v];
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kBlockRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < n_vectors; ++v) *reinterpret_cast<Vector*>(c + i * ldc + v * lanes) = sum[i][v];
  }
}

}  // namespace kernel_detail

// c [m, n] (=, +=) a [m, k] b [k, n] with m a multiple of 4 and n of 16. `next`: where a block like b starts that is
// needed soon; the first four rows fetch it, a line for each line that they read.
template <BlockWrite write, int lanes, class B, class Next = std::nullptr_t>
KERNEL_INLINE void block_gemm(VectorWidth<lanes>, BlockA a, const B* b, std::int64_t ldb, float* c, std::int64_t ldc,
                              std::int64_t m, std::int64_t k, std::int64_t n, Next next = nullptr) {
  constexpr int kWide = lanes == 16 ? 4 : 2;  // vectors a tile is wide: what the register file holds
  const auto four_rows = [=](std::int64_t i, auto fetched) KERNEL_LAMBDA {
    const auto at = [=](std::int64_t j) KERNEL_LAMBDA {
      if constexpr (std::is_null_pointer_v<decltype(fetched)>)
        return nullptr;
      else
        return fetched + j;
    };
    const BlockA rows{a.data + i * a.row_step, a.row_step, a.column_step};
    std::int64_t j = 0;
    for (; j + kWide * lanes <= n; j += kWide * lanes)
      kernel_detail::tile<lanes, kWide, write>(rows, b + j, ldb, c + i * ldc + j, ldc, k, at(j));
    for (; j < n; j += lanes) kernel_detail::tile<lanes, 1, write>(rows, b + j, ldb, c + i * ldc + j, ldc, k, at(j));
  };
  if (m > 0) four_rows(0, next);
  for (std::int64_t i = kBlockRows; i < m; i += kBlockRows) four_rows(i, nullptr);
}

}  // namespace faqsmith
