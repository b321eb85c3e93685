// Embedding and its gradient: copies and sums of rows.
#include "ops/embedding.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

TEST(Embedding, CopiesRowsAndItsGradientAddsThemUp) {
  Rng rng(51);
  Cpu cpu;
  const Buffer<float> table = random_buffer<float>({9, 7}, rng), dy = random_buffer<float>({4, 7}, rng);
  const std::int32_t ids[] = {8, 0, 3, 0};
  Buffer<float> y = poisoned<float>({4, 7}), d_table = random_buffer<float>({9, 7}, rng);
  std::vector<double> want_y, want_d = to_double(d_table);
  for (std::int64_t row = 0; row < 4; ++row) {
    for (std::int64_t i = 0; i < 7; ++i) {
      want_y.push_back(table[ids[row] * 7 + i]);
      want_d[static_cast<std::size_t>(ids[row] * 7 + i)] += dy[row * 7 + i];
    }
  }
  const MemoryRows rows(table.in());
  launch(cpu, Embedding{.table = &rows, .ids = {ids, {4}}, .y = y.out()});
  launch(cpu, EmbeddingGrad{.ids = {ids, {4}}, .dy = dy.in(), .d_table = d_table.acc()});
  expect_near(to_double(y), want_y, 0.0, "y");
  expect_near(to_double(d_table), want_d, 1e-6, "d_table");
}

TEST(Embedding, RefusesIdsOutsideTheVocabulary) {
  Cpu cpu;
  const Buffer<float> table({4, 2});
  const MemoryRows rows(table.in());
  Buffer<float> y({1, 2});
  for (const std::int32_t id : {-1, 4}) {
    EXPECT_THROW(launch(cpu, Embedding{.table = &rows, .ids = {&id, {1}}, .y = y.out()}), Error);
  }
}

}  // namespace
}  // namespace faqsmith
