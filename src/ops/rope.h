// Rotary position embedding (Su et al. 2021, arXiv 2104.09864), rotate-half as in Hugging Face's Llama: element i of a
// head pairs with i + head_dim / 2, at angle position * theta^(-2i / head_dim). In place on the q and k parts of a
// fused buffer.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/buffer.h"
#include "tensor/device.h"

namespace faqsmith {

// theta^(-2i / head_dim), i < head_dim / 2: what a position turns by, in radians.
[[nodiscard]] std::vector<double> rope_frequencies(std::int64_t head_dim, double theta);

// Cosines and sines of every position, computed once in double.
class RopeTable {
 public:
  RopeTable() = default;
  // frequencies: head_dim / 2 of them. scale: multiplies cosines and sines (YaRN's attention factor).
  RopeTable(std::int64_t max_positions, std::span<const double> frequencies, double scale = 1.0);
  [[nodiscard]] std::int64_t max_positions() const { return max_positions_; }
  [[nodiscard]] std::int64_t head_dim() const { return head_dim_; }
  [[nodiscard]] const float* cos(std::int64_t position) const { return cos_.data() + position * (head_dim_ / 2); }
  [[nodiscard]] const float* sin(std::int64_t position) const { return sin_.data() + position * (head_dim_ / 2); }

 private:
  std::int64_t max_positions_ = 0, head_dim_ = 0;
  Buffer<float> cos_, sin_;  // [max_positions, head_dim / 2]
};

enum class Rotation {
  Forward,
  Inverse,  // the gradient: the transpose, which for a scale of 1 turns back
};

template <class T>
struct Rope {
  InOut<T> qkv;                // [m, (n_heads + 2 * n_kv_heads) * head_dim]; the v part is left alone
  In<std::int32_t> positions;  // [m], each in [0, table->max_positions())
  const RopeTable* table = nullptr;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  Rotation rotation = Rotation::Forward;
};

template <class T>
void validate(const Rope<T>& op) {
  require(op.table != nullptr && op.table->head_dim() > 0, "Rope: a table is given");
  require(op.qkv.shape.rank == 2 && op.qkv.shape[1] == (op.n_heads + 2 * op.n_kv_heads) * op.table->head_dim(),
          "Rope: qkv is [m, (n_heads + 2 * n_kv_heads) * head_dim]");
  require(op.positions.shape == Shape{op.qkv.shape[0]}, "Rope: positions is [m]");
  for (std::int64_t i = 0; i < op.positions.shape[0]; ++i) {
    require(op.positions.data[i] >= 0 && op.positions.data[i] < op.table->max_positions(),
            "Rope: positions lie in the table");
  }
}

template <class T>
void run(Cpu& cpu, const Rope<T>& op);  // float, bf16

}  // namespace faqsmith
