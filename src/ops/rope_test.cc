// Rope against the rotation in double.
#include "ops/rope.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

template <class T>
class RopeTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(RopeTest, Types);

TYPED_TEST(RopeTest, RotatesHalvesOfQueriesAndKeysByPosition) {
  using T = TypeParam;
  Rng rng(31);
  Cpu cpu;
  const std::int64_t heads = 3, kv = 1, dim = 10, width = (heads + 2 * kv) * dim;
  const RopeTable table(40, rope_frequencies(dim, 500.0));
  const std::int32_t positions[] = {0, 7, 39, 7};
  Buffer<T> qkv = random_buffer<T>({4, width}, rng);
  std::vector<double> want = to_double(qkv);
  const std::vector<double> before = want;
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t h = 0; h < 4; ++h) {
      for (std::size_t i = 0; i < 5; ++i) {
        const double angle = positions[row] * std::pow(500.0, -2.0 * static_cast<double>(i) / 10.0);
        const std::size_t low = row * static_cast<std::size_t>(width) + h * 10 + i, high = low + 5;
        want[low] = before[low] * std::cos(angle) - before[high] * std::sin(angle);
        want[high] = before[high] * std::cos(angle) + before[low] * std::sin(angle);
      }
    }
  }
  Rope<T> op{.qkv = qkv.inout(), .positions = {positions, {4}}, .table = &table, .n_heads = heads, .n_kv_heads = kv};
  launch(cpu, op);
  expect_near(to_double(qkv), want, kTolerance<T>, "rotated");
  op.rotation = Rotation::Inverse;
  launch(cpu, op);
  expect_near(to_double(qkv), before, kTolerance<T>, "rotated back");
}

TEST(Rope, AScaledTableScalesTheRotationAndItsTranspose) {
  Cpu cpu;
  const std::vector<double> frequencies = rope_frequencies(4, 100.0);
  const RopeTable plain(8, frequencies), scaled(8, frequencies, 1.5);
  const std::int32_t positions[] = {5};
  for (const Rotation rotation : {Rotation::Forward, Rotation::Inverse}) {
    Buffer<float> a({1, 12}), b({1, 12});
    for (std::int64_t i = 0; i < 12; ++i) a[i] = b[i] = static_cast<float>(i - 5);
    Rope<float> op{.qkv = a.inout(),
                   .positions = {positions, {1}},
                   .table = &plain,
                   .n_heads = 1,
                   .n_kv_heads = 1,
                   .rotation = rotation};
    launch(cpu, op);
    op.qkv = b.inout();
    op.table = &scaled;
    launch(cpu, op);
    for (std::int64_t i = 0; i < 8; ++i) EXPECT_NEAR(b[i], 1.5 * static_cast<double>(a[i]), 1e-5);
    for (std::int64_t i = 8; i < 12; ++i) EXPECT_EQ(b[i], a[i]);  // v is left alone
  }
}

TEST(Rope, RefusesPositionsOutsideTheTable) {
  Cpu cpu;
  const RopeTable table(8, rope_frequencies(4, 10000.0));
  const std::int32_t positions[] = {8};
  Buffer<float> qkv({1, 12});
  EXPECT_THROW(
      launch(cpu,
             Rope<float>{
                 .qkv = qkv.inout(), .positions = {positions, {1}}, .table = &table, .n_heads = 1, .n_kv_heads = 1}),
      Error);
}

}  // namespace
}  // namespace faqsmith
