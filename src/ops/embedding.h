// Token embedding: rows of a table by id, decoded where they are not kept as float32, and its gradient (a scatter that
// adds in the order of the rows).
#pragma once
#include <cstdint>

#include "tensor/device.h"
#include "tensor/row_source.h"
#include "tensor/view.h"

namespace faqsmith {

struct Embedding {
  const RowSource* table = nullptr;  // [vocab, hidden]
  In<std::int32_t> ids;              // [m], each in [0, vocab)
  Out<float> y;                      // [m, hidden]
};

struct EmbeddingGrad {
  In<std::int32_t> ids;  // [m]
  In<float> dy;          // [m, hidden]
  Acc<float> d_table;    // [vocab, hidden]
};

inline void validate_ids(const In<std::int32_t>& ids, std::int64_t vocab) {
  for (std::int64_t i = 0; i < ids.shape.size(); ++i)
    require(ids.data[i] >= 0 && ids.data[i] < vocab, "Embedding: ids lie in the vocabulary");
}
inline void validate(const Embedding& op) {
  require(op.table != nullptr && op.table->shape().rank == 2 && op.ids.shape.rank == 1,
          "Embedding: table is [vocab, hidden], ids [m]");
  require(op.y.shape == Shape{op.ids.shape[0], op.table->shape()[1]}, "Embedding: y is [m, hidden]");
  validate_ids(op.ids, op.table->shape()[0]);
}
inline void validate(const EmbeddingGrad& op) {
  require(op.d_table.shape.rank == 2 && op.ids.shape.rank == 1, "EmbeddingGrad: d_table is [vocab, hidden], ids [m]");
  require(op.dy.shape == Shape{op.ids.shape[0], op.d_table.shape[1]}, "EmbeddingGrad: dy is [m, hidden]");
  validate_ids(op.ids, op.d_table.shape[0]);
}

void run(Cpu& cpu, const Embedding& op);
void run(Cpu& cpu, const EmbeddingGrad& op);

}  // namespace faqsmith
