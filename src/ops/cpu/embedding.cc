// Embedding copies rows. Its gradient is cut along columns, not rows, so that a token that occurs often is added up by
// one thread in the order of the rows.
#include "ops/embedding.h"

#include "ops/cpu/kernel.h"
#include "sys/parallel.h"

namespace faqsmith {

void run(Cpu&, const Embedding& op) {
  parallel_for(op.ids.shape[0], [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t hidden = op.table->shape()[1];
    for (std::int64_t row = begin; row < end; ++row)
      op.table->decode_rows(op.ids.data[row], 1, op.y.data + row * hidden);
  });
}

void run(Cpu&, const EmbeddingGrad& op) {
  parallel_for(op.d_table.shape[1], [&](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      const std::int64_t hidden = op.d_table.shape[1];
      for (std::int64_t row = 0; row < op.ids.shape[0]; ++row) {
        const float* __restrict dy = op.dy.data + row * hidden;
        float* __restrict d = op.d_table.data + op.ids.data[row] * hidden;
        for (std::int64_t i = begin; i < end; ++i) d[i] += dy[i];
      }
    });
  });
}

}  // namespace faqsmith
