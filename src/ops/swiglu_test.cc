// Swiglu against its formula in double, and its gradient against central differences.
#include "ops/swiglu.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

template <class T>
class SwigluTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(SwigluTest, Types);

std::vector<double> formula(const std::vector<double>& gate_up, std::size_t ffn) {
  std::vector<double> y(gate_up.size() / 2);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double gate = gate_up[i / ffn * 2 * ffn + i % ffn], up = gate_up[i / ffn * 2 * ffn + ffn + i % ffn];
    y[i] = gate / (1 + std::exp(-gate)) * up;
  }
  return y;
}

TYPED_TEST(SwigluTest, EqualsTheFormulaAlsoForLargeGates) {
  using T = TypeParam;
  Rng rng(41);
  Cpu cpu;
  for (const std::int64_t ffn : {37, 48}) {
    Buffer<T> gate_up = random_buffer<T>({3, 2 * ffn}, rng, 3.0);
    gate_up[0] = from_float<T>(-200.0f);
    gate_up[1] = from_float<T>(60.0f);
    Buffer<T> y = poisoned<T>({3, ffn});
    launch(cpu, Swiglu<T>{.gate_up = gate_up.in(), .y = y.out()});
    expect_near(to_double(y), formula(to_double(gate_up), static_cast<std::size_t>(ffn)), kTolerance<T>, "y");
    gate_up[2] = from_float<T>(std::nanf(""));
    launch(cpu, Swiglu<T>{.gate_up = gate_up.in(), .y = y.out()});
    EXPECT_TRUE(std::isnan(to_float(y[2])));
  }
}

TYPED_TEST(SwigluTest, GradientEqualsFiniteDifferencesInPlaceToo) {
  using T = TypeParam;
  Rng rng(42);
  Cpu cpu;
  for (const std::int64_t ffn : {25, 32}) {
    const auto n = static_cast<std::size_t>(ffn);
    Buffer<T> gate_up = random_buffer<T>({2, 2 * ffn}, rng, 2.0);
    const Buffer<T> dy = random_buffer<T>({2, ffn}, rng);
    const std::vector<double> y_want = formula(to_double(gate_up), n), upstream = to_double(dy);
    const std::vector<double> want =
        finite_differences(to_double(gate_up), [&](const auto& x) { return dot(formula(x, n), upstream); });
    Buffer<T> d = poisoned<T>({2, 2 * ffn}), y = poisoned<T>({2, ffn});
    launch(cpu, SwigluGrad<T>{.gate_up = gate_up.in(), .dy = dy.in(), .d_gate_up = d.out(), .y = y.out()});
    expect_near(to_double(d), want, kTolerance<T>, "d_gate_up");
    expect_near(to_double(y), y_want, kTolerance<T>, "y again");
    launch(cpu, SwigluGrad<T>{.gate_up = gate_up.in(), .dy = dy.in(), .d_gate_up = gate_up.out()});
    expect_near(to_double(gate_up), want, kTolerance<T>, "in place");
  }
}

}  // namespace
}  // namespace faqsmith
