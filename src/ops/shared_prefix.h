// Sequences that begin with the same rows (every question of one bot carries one system prompt) hold those rows once:
// [shared | own rows of sequence 0 | own rows of sequence 1 | ...]. Every op that looks at one row at a time then works
// on fewer rows; attention wants each sequence whole, so its rows are unrolled before it and rolled up after it.
#pragma once
#include <cstdint>

#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

// Whose copy of the shared rows counts. Every is the gradient of itself in the other direction, and so is First.
enum class SharedRows { Every, First };

// starts: [n_sequences + 1], rising: sequence s owns the rolled rows [starts[s], starts[s + 1]); the first starts[0]
// rows are shared. Whole sequences side by side have n_sequences * starts[0] + own rows.
[[nodiscard]] inline std::int64_t unrolled_rows(const In<std::int32_t>& starts) {
  const std::int64_t n_sequences = starts.shape[0] - 1, shared = starts.data[0];
  return starts.data[n_sequences] + (n_sequences - 1) * shared;
}

template <class T>
struct UnrollRows {
  In<T> x;                                // [starts[n_sequences], width]
  In<std::int32_t> starts;                // [n_sequences + 1]
  Out<T> y;                               // [unrolled_rows, width]
  SharedRows shared = SharedRows::Every;  // First: the other sequences' copies are zero
};

template <class T>
struct RollRows {
  In<T> x;                                // [unrolled_rows, width]
  In<std::int32_t> starts;                // [n_sequences + 1]
  Out<T> y;                               // [starts[n_sequences], width]
  SharedRows shared = SharedRows::Every;  // Every: the sum of all copies, in float32; First: the first sequence's copy
};

inline void validate_starts(const In<std::int32_t>& starts) {
  require(starts.shape.rank == 1 && starts.shape[0] >= 2 && starts.data[0] >= 0, "starts holds at least one sequence");
  for (std::int64_t i = 1; i < starts.shape[0]; ++i) require(starts.data[i - 1] <= starts.data[i], "starts rises");
}
template <class T>
void validate(const UnrollRows<T>& op) {
  validate_starts(op.starts);
  require(op.x.shape.rank == 2 && op.x.shape[0] == op.starts.data[op.starts.shape[0] - 1] &&
              op.y.shape == Shape{unrolled_rows(op.starts), op.x.shape[1]},
          "UnrollRows: x is [rows, width], y [unrolled rows, width]");
}
template <class T>
void validate(const RollRows<T>& op) {
  validate_starts(op.starts);
  require(op.y.shape.rank == 2 && op.y.shape[0] == op.starts.data[op.starts.shape[0] - 1] &&
              op.x.shape == Shape{unrolled_rows(op.starts), op.y.shape[1]},
          "RollRows: x is [unrolled rows, width], y [rows, width]");
}

template <class T>
void run(Cpu& cpu, const UnrollRows<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const RollRows<T>& op);  // float, bf16

}  // namespace faqsmith
