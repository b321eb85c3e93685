// Unrolling and rolling rows against the definition, written out for one small layout, and as each other's gradients.
#include "ops/shared_prefix.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

template <class T>
class SharedPrefixTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(SharedPrefixTest, Types);

// Two shared rows; sequences with 1, 3 and 0 own rows.
const std::vector<std::int32_t> kStarts = {2, 3, 6, 6};
const std::vector<std::int64_t> kSource = {0, 1, 2, 0, 1, 3, 4, 5, 0, 1};  // rolled row of each unrolled one

In<std::int32_t> starts() {
  return {kStarts.data(), {static_cast<std::int64_t>(kStarts.size())}};
}

TYPED_TEST(SharedPrefixTest, UnrollsEveryCopyOrTheFirst) {
  using T = TypeParam;
  Cpu cpu;
  Rng rng(31);
  const Buffer<T> x = random_buffer<T>({6, 37}, rng);
  for (const SharedRows shared : {SharedRows::Every, SharedRows::First}) {
    Buffer<T> y = poisoned<T>({10, 37});
    launch(cpu, UnrollRows<T>{.x = x.in(), .starts = starts(), .y = y.out(), .shared = shared});
    for (std::int64_t row = 0; row < 10; ++row) {
      const std::int64_t source = kSource[static_cast<std::size_t>(row)];
      const bool zero = shared == SharedRows::First && source < 2 && row >= 2;
      for (std::int64_t c = 0; c < 37; ++c)
        EXPECT_EQ(to_float(y[row * 37 + c]), zero ? 0.0f : to_float(x[source * 37 + c])) << row << " " << c;
    }
  }
}

// The gradient of a linear map is its transpose: <unroll(x), y> = <x, roll(y)> for all x and y.
TYPED_TEST(SharedPrefixTest, RollingIsTheGradientOfUnrolling) {
  using T = TypeParam;
  Cpu cpu;
  Rng rng(32);
  for (const SharedRows shared : {SharedRows::Every, SharedRows::First}) {
    const Buffer<T> x = random_buffer<T>({6, 37}, rng), y = random_buffer<T>({10, 37}, rng);
    Buffer<T> unrolled = poisoned<T>({10, 37}), rolled = poisoned<T>({6, 37});
    launch(cpu, UnrollRows<T>{.x = x.in(), .starts = starts(), .y = unrolled.out(), .shared = shared});
    launch(cpu, RollRows<T>{.x = y.in(), .starts = starts(), .y = rolled.out(), .shared = shared});
    double left = 0, right = 0, size = 0;
    for (std::int64_t i = 0; i < y.size(); ++i)
      left += static_cast<double>(to_float(unrolled[i])) * to_float(y[i]), size += std::abs(to_float(y[i]));
    for (std::int64_t i = 0; i < x.size(); ++i) right += static_cast<double>(to_float(x[i])) * to_float(rolled[i]);
    EXPECT_NEAR(left, right, kTolerance<T> * size);
  }
}

TYPED_TEST(SharedPrefixTest, NothingSharedIsACopy) {
  using T = TypeParam;
  Cpu cpu;
  Rng rng(33);
  const std::vector<std::int32_t> cu = {0, 2, 6};
  const Buffer<T> x = random_buffer<T>({6, 5}, rng);
  Buffer<T> y = poisoned<T>({6, 5}), back = poisoned<T>({6, 5});
  launch(cpu, UnrollRows<T>{.x = x.in(), .starts = {cu.data(), {3}}, .y = y.out()});
  launch(cpu, RollRows<T>{.x = y.in(), .starts = {cu.data(), {3}}, .y = back.out()});
  for (std::int64_t i = 0; i < x.size(); ++i) EXPECT_EQ(to_float(back[i]), to_float(x[i]));
}

}  // namespace
}  // namespace faqsmith
