// CrossEntropy and LogProb against log-softmax in double; the gradient against central differences.
#include "ops/cross_entropy.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

template <class T>
class CrossEntropyTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(CrossEntropyTest, Types);

double log_softmax(const std::vector<double>& x, std::size_t row, std::size_t n, std::int32_t label) {
  double max = x[row * n], sum = 0;
  for (std::size_t i = 0; i < n; ++i) max = std::max(max, x[row * n + i]);
  for (std::size_t i = 0; i < n; ++i) sum += std::exp(x[row * n + i] - max);
  return x[row * n + static_cast<std::size_t>(label)] - max - std::log(sum);
}

TYPED_TEST(CrossEntropyTest, LossAndGradientEqualTheFormula) {
  using T = TypeParam;
  Rng rng(61);
  Cpu cpu;
  const std::size_t n = 83;
  const Buffer<float> logits = random_buffer<float>({4, 83}, rng, 4.0);
  const std::int32_t labels[] = {3, kIgnoreLabel, 82, 0};
  const float weights[] = {1.0f, 5.0f, 0.25f, 2.0f};
  const auto total = [&](const std::vector<double>& x) {
    double sum = 0;
    for (const std::size_t row : {0, 2, 3}) sum -= weights[row] * log_softmax(x, row, n, labels[row]);
    return sum;
  };
  Buffer<float> loss = poisoned<float>({4});
  Buffer<T> d = poisoned<T>({4, 83});
  launch(cpu, CrossEntropy<T>{.logits = logits.in(),
                              .labels = {labels, {4}},
                              .weights = {weights, {4}},
                              .loss = loss.out(),
                              .d_logits = d.out()});
  EXPECT_EQ(loss[1], 0.0f);
  EXPECT_NEAR(loss[0] + loss[2] + loss[3], total(to_double(logits)), 1e-4);
  expect_near(to_double(d), finite_differences(to_double(logits), total), kTolerance<T>, "d_logits");
}

TEST(CrossEntropy, StaysFiniteForHugeLogitsAndWritesItsGradientInPlace) {
  Cpu cpu;
  Buffer<float> logits({1, 3}), loss({1});
  logits[0] = 3e38f;
  logits[1] = -3e38f;
  logits[2] = 3e38f;
  const std::int32_t label = 0;
  launch(cpu, CrossEntropy<float>{
                  .logits = logits.in(), .labels = {&label, {1}}, .loss = loss.out(), .d_logits = logits.out()});
  EXPECT_NEAR(loss[0], std::log(2.0), 1e-6);
  expect_near(to_double(logits), {-0.5, 0.0, 0.5}, 1e-6, "gradient");
}

TEST(CrossEntropy, LetsNanThrough) {
  Cpu cpu;
  Buffer<float> logits({1, 100}), loss({1});
  logits[57] = std::nanf("");
  const std::int32_t label = 0;
  launch(cpu, CrossEntropy<float>{.logits = logits.in(), .labels = {&label, {1}}, .loss = loss.out()});
  EXPECT_TRUE(std::isnan(loss[0]));
}

TEST(LogProb, EqualsLogSoftmax) {
  Rng rng(62);
  Cpu cpu;
  const Buffer<float> logits = random_buffer<float>({3, 5000}, rng, 5.0);
  const std::int32_t labels[] = {4999, 0, 17};
  Buffer<float> log_prob = poisoned<float>({3});
  launch(cpu, LogProb{.logits = logits.in(), .labels = {labels, {3}}, .log_prob = log_prob.out()});
  for (std::size_t row = 0; row < 3; ++row) {
    EXPECT_NEAR(log_prob[static_cast<std::int64_t>(row)], log_softmax(to_double(logits), row, 5000, labels[row]), 2e-5);
  }
}

}  // namespace
}  // namespace faqsmith
