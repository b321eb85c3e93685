// Rows of x times 16 columns of float32, from registers: the innermost loop of the float products that are not oneDNN's
// (thin_matmul.h, panel_matmul.h). A row is summed step by step, in the same order whatever rows are beside it.
#pragma once
#include <cstdint>

namespace faqsmith {

// y[i, j] (=, +=) the sum over s in [begin, end) of x[i, s] * w[s * step + j], for rows i < n_rows and j < columns.
struct FloatRows {
  const float* w = nullptr;  // 16 values at each step
  std::int64_t step = 16, begin = 0, end = 0;
  const float* x = nullptr;
  std::int64_t x_stride = 0;
  float* y = nullptr;
  std::int64_t y_stride = 0;
  std::int64_t n_rows = 0, columns = 16;  // of 16; the last of a matrix may be fewer
  bool add = false;
  // Of what is read next, fetch_step bytes are fetched at each step into the second cache.
  const void* fetch = nullptr;
  std::int64_t fetch_step = 0;
};

void multiply(const FloatRows& job);

}  // namespace faqsmith
