// RmsNorm against its formula in double, and its gradient against central differences.
#include "ops/rms_norm.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

template <class T>
class RmsNormTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(RmsNormTest, Types);

constexpr double kEps = 1e-5;

std::vector<double> normalised(const std::vector<double>& r, const std::vector<double>& gamma) {
  const std::size_t n = gamma.size(), m = r.size() / n;
  std::vector<double> y(r.size());
  for (std::size_t row = 0; row < m; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += r[row * n + i] * r[row * n + i];
    const double inv = 1 / std::sqrt(sum / static_cast<double>(n) + kEps);
    for (std::size_t i = 0; i < n; ++i) y[row * n + i] = r[row * n + i] * inv * gamma[i];
  }
  return y;
}

TYPED_TEST(RmsNormTest, AddsDeltaThenNormalises) {
  using T = TypeParam;
  Rng rng(21);
  Cpu cpu;
  for (const std::int64_t hidden : {1, 64, 77}) {
    Buffer<float> residual = random_buffer<float>({5, hidden}, rng);
    const Buffer<T> delta = random_buffer<T>({5, hidden}, rng);
    const Buffer<float> gamma = random_buffer<float>({hidden}, rng);
    std::vector<double> r = to_double(residual);
    for (std::size_t i = 0; i < r.size(); ++i) r[i] += to_double(delta)[i];
    Buffer<T> y = poisoned<T>({5, hidden});
    Buffer<float> inv = poisoned<float>({5});
    launch(cpu, RmsNorm<T>{.residual = residual.in(),
                           .delta = delta.in(),
                           .residual_out = residual.out(),
                           .gamma = gamma.in(),
                           .y = y.out(),
                           .inv_rms = inv.out()});
    expect_near(to_double(residual), r, 1e-6, "residual");
    expect_near(to_double(y), normalised(r, to_double(gamma)), kTolerance<T>, "y");
    EXPECT_NEAR(inv[0] * r[0] * gamma[0], normalised(r, to_double(gamma))[0], 1e-4);
  }
}

TYPED_TEST(RmsNormTest, WithoutDeltaReadsTheResidualOnly) {
  using T = TypeParam;
  Rng rng(22);
  Cpu cpu;
  const Buffer<float> residual = random_buffer<float>({3, 48}, rng), gamma = random_buffer<float>({48}, rng);
  Buffer<T> y = poisoned<T>({3, 48});
  launch(cpu, RmsNorm<T>{.residual = residual.in(), .gamma = gamma.in(), .y = y.out()});
  expect_near(to_double(y), normalised(to_double(residual), to_double(gamma)), kTolerance<T>, "y");
}

TYPED_TEST(RmsNormTest, GradientEqualsFiniteDifferences) {
  using T = TypeParam;
  Rng rng(23);
  Cpu cpu;
  const std::int64_t m = 4, hidden = 19;
  const Buffer<float> r = random_buffer<float>({m, hidden}, rng), gamma = random_buffer<float>({hidden}, rng);
  const Buffer<T> dy = random_buffer<T>({m, hidden}, rng);
  Buffer<T> y({m, hidden}), d_delta = poisoned<T>({m, hidden});
  Buffer<float> inv({m}), d_residual = random_buffer<float>({m, hidden}, rng),
                          d_gamma = random_buffer<float>({hidden}, rng);
  launch(cpu, RmsNorm<T>{.residual = r.in(), .gamma = gamma.in(), .y = y.out(), .inv_rms = inv.out()});
  const std::vector<double> upstream = to_double(dy);
  std::vector<double> want =
      finite_differences(to_double(r), [&](const auto& x) { return dot(normalised(x, to_double(gamma)), upstream); });
  std::vector<double> want_gamma =
      finite_differences(to_double(gamma), [&](const auto& g) { return dot(normalised(to_double(r), g), upstream); });
  for (std::size_t i = 0; i < want.size(); ++i) want[i] += d_residual[static_cast<std::int64_t>(i)];
  for (std::size_t i = 0; i < want_gamma.size(); ++i) want_gamma[i] += d_gamma[static_cast<std::int64_t>(i)];
  launch(cpu, RmsNormGrad<T>{.r = r.in(),
                             .inv_rms = inv.in(),
                             .gamma = gamma.in(),
                             .dy = dy.in(),
                             .d_residual = d_residual.acc(),
                             .d_delta = d_delta.out(),
                             .d_gamma = d_gamma.acc()});
  expect_near(to_double(d_residual), want, 2e-5, "d_residual");
  expect_near(to_double(d_delta), want, kTolerance<T>, "d_delta");
  expect_near(to_double(d_gamma), want_gamma, 2e-5, "d_gamma");
}

}  // namespace
}  // namespace faqsmith
