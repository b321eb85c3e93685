// The small copies, and the vectorised exponential under them.
#include "ops/elementwise.h"

#include "ops/cpu/kernel.h"
#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

TEST(Elementwise, CastRoundsToNearestEvenAndKeepsNan) {
  Cpu cpu;
  Rng rng(81);
  Buffer<float> x = random_buffer<float>({1000}, rng);
  x[5] = std::nanf("");
  x[6] = INFINITY;
  x[7] = 1.00390625f;  // a tie: rounds to the even neighbour 1.0
  Buffer<bf16> y({1000});
  launch(cpu, Cast<float, bf16>{.x = x.in(), .y = y.out()});
  for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(y[i].bits, from_float<bf16>(x[i]).bits) << i;
  Buffer<float> back({1000});
  launch(cpu, Cast<bf16, float>{.x = y.in(), .y = back.out()});
  EXPECT_TRUE(std::isnan(back[5]));
  EXPECT_EQ(back[6], INFINITY);
  EXPECT_EQ(back[7], 1.0f);
}

TEST(Elementwise, ExponentialIsWithinTwoUlpAndSaturates) {
  Buffer<float> x({200000}), y({200000});
  for (std::int64_t i = 0; i < x.size(); ++i) x[i] = -90.0f + 180.0f * static_cast<float>(i) / 200000.0f;
  const float* const from = x.data();
  float* const to = y.data();
  const std::int64_t n = x.size();
  with_best_isa([=](auto) KERNEL_LAMBDA {
    for (std::int64_t i = 0; i < n; ++i) to[i] = fast_exp(from[i]);
  });
  for (std::int64_t i = 0; i < n; ++i) {
    const double want = std::exp(static_cast<double>(x[i]));
    if (x[i] < -87.3f) {
      EXPECT_EQ(y[i], 0.0f);
    } else if (x[i] <= 88.7f) {
      ASSERT_NEAR(y[i] / want, 1.0, 2.5e-7) << x[i];
    } else {
      EXPECT_EQ(y[i], INFINITY);
    }
  }
  EXPECT_TRUE(std::isnan(fast_exp(std::nanf(""))));
}

TEST(Elementwise, AddsScalesGathersAndScatters) {
  Cpu cpu;
  Rng rng(82);
  const Buffer<bf16> x = random_buffer<bf16>({6, 5}, rng);
  const std::int32_t rows[] = {4, 1};
  Buffer<bf16> picked({2, 5});
  launch(cpu, GatherRows<bf16>{.x = x.in(), .rows = {rows, {2}}, .y = picked.out()});
  Buffer<float> sum({6, 5});
  launch(cpu, ScatterAddRows<bf16>{.x = picked.in(), .rows = {rows, {2}}, .y = sum.acc()});
  launch(cpu, AddInto<bf16>{.x = x.in(), .y = sum.acc(), .scale = 3.0f});
  launch(cpu, Scale{.x = sum.inout(), .factor = 0.5f});
  for (std::int64_t i = 0; i < 30; ++i) {
    const float times = i / 5 == 4 || i / 5 == 1 ? 4.0f : 3.0f;
    EXPECT_FLOAT_EQ(sum[i], 0.5f * times * to_float(x[i]));
  }
}

TEST(Elementwise, DropoutRepeatsItsMaskAndKeepsTheMean) {
  Cpu cpu;
  Buffer<float> x({100000}), a({100000}), b({100000});
  for (std::int64_t i = 0; i < x.size(); ++i) x[i] = 1.0f;
  launch(cpu, Dropout<float>{.x = x.in(), .y = a.out(), .p = 0.1f, .seed = 77});
  launch(cpu, Dropout<float>{.x = x.in(), .y = b.out(), .p = 0.1f, .seed = 77});
  double mean = 0, differs = 0;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(a[i], b[i]);
    mean += a[i] / 1e5;
  }
  EXPECT_NEAR(mean, 1.0, 0.01);
  launch(cpu, Dropout<float>{.x = x.in(), .y = b.out(), .p = 0.1f, .seed = 78});
  for (std::int64_t i = 0; i < x.size(); ++i) differs += (a[i] != b[i]) / 1e5;
  EXPECT_NEAR(differs, 0.18, 0.01);
  launch(cpu, Dropout<float>{.x = x.in(), .y = b.out(), .p = 0.0f, .seed = 78});
  EXPECT_EQ(b[99], 1.0f);
}

template <class T>
class BiasTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(BiasTest, Types);

TYPED_TEST(BiasTest, IsAddedToEveryRowAndItsGradientSumsTheRows) {
  using T = TypeParam;
  Cpu cpu;
  Rng rng(87);
  const Buffer<float> bias = random_buffer<float>({37}, rng);
  Buffer<T> y = random_buffer<T>({50, 37}, rng);
  std::vector<double> want = to_double(y);
  for (std::size_t i = 0; i < want.size(); ++i) want[i] += static_cast<double>(bias[static_cast<std::int64_t>(i % 37)]);
  launch(cpu, AddBias<T>{.bias = bias.in(), .y = y.inout()});
  expect_near(to_double(y), want, kTolerance<T>, "y");

  Buffer<float> d_bias({37});
  std::vector<double> sums(37, 1.0);
  for (std::int64_t i = 0; i < 37; ++i) d_bias[i] = 1.0f;  // the gradient is added to what is there
  const std::vector<double> rows = to_double(y);
  for (std::size_t i = 0; i < rows.size(); ++i) sums[i % 37] += rows[i];
  launch(cpu, BiasGrad<T>{.dy = y.in(), .d_bias = d_bias.acc()});
  expect_near(to_double(d_bias), sums, 1e-5, "d_bias");
}

TYPED_TEST(BiasTest, ColumnsAreScaledAndTheFactorsGetTheirGradient) {
  using T = TypeParam;
  Cpu cpu;
  Rng rng(88);
  const Buffer<float> factors = random_buffer<float>({37}, rng);
  const Buffer<T> x = random_buffer<T>({50, 37}, rng), dy = random_buffer<T>({50, 37}, rng);
  Buffer<T> y = poisoned<T>({50, 37});
  launch(cpu, ScaleColumns<T>{.factors = factors.in(), .x = x.in(), .y = y.out()});
  std::vector<double> want = to_double(x), sums(37, 1.0);
  const std::vector<double> upstream = to_double(dy);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double factor = factors[static_cast<std::int64_t>(i % 37)];
    sums[i % 37] += factor * upstream[i] * want[i];
    want[i] *= factor;
  }
  expect_near(to_double(y), want, kTolerance<T>, "y");
  Buffer<float> got({37});
  for (std::int64_t i = 0; i < 37; ++i) got[i] = 1.0f;
  launch(cpu, ColumnDots<T>{.a = dy.in(), .b = x.in(), .weights = factors.in(), .sums = got.acc()});
  expect_near(to_double(got), sums, 1e-5, "sums");
}

TEST(Elementwise, ABiasMustBeAsWideAsTheRows) {
  Cpu cpu;
  Buffer<float> bias({3}), y({2, 4});
  EXPECT_THROW(launch(cpu, AddBias<float>{.bias = bias.in(), .y = y.inout()}), Error);
  EXPECT_THROW(launch(cpu, BiasGrad<float>{.dy = y.in(), .d_bias = bias.acc()}), Error);
}

}  // namespace
}  // namespace faqsmith
