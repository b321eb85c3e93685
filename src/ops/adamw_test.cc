// AdamW against the paper's recurrence in double over several steps; SumSquares against a plain sum.
#include "ops/adamw.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

TEST(AdamW, FollowsThePapersRecurrence) {
  Rng rng(71);
  Cpu cpu;
  const std::int64_t n = 333;
  Buffer<float> param = random_buffer<float>({n}, rng), m({n}), v({n});
  std::vector<double> p = to_double(param), dm(p.size()), dv(p.size());
  for (std::int64_t step = 1; step <= 5; ++step) {
    const Buffer<float> grad = random_buffer<float>({n}, rng);
    launch(cpu, AdamW{.param = param.inout(),
                      .m = m.inout(),
                      .v = v.inout(),
                      .grad = grad.in(),
                      .lr = 0.01f,
                      .beta1 = 0.9f,
                      .beta2 = 0.95f,
                      .eps = 1e-6f,
                      .weight_decay = 0.1f,
                      .step = step,
                      .grad_scale = 0.5f});
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double g = 0.5 * grad[static_cast<std::int64_t>(i)], t = static_cast<double>(step);
      dm[i] = 0.9 * dm[i] + 0.1 * g;
      dv[i] = 0.95 * dv[i] + 0.05 * g * g;
      p[i] -=
          0.01 * (dm[i] / (1 - std::pow(0.9, t)) / (std::sqrt(dv[i] / (1 - std::pow(0.95, t))) + 1e-6) + 0.1 * p[i]);
    }
    expect_near(to_double(param), p, 2e-6, "param");
  }
  expect_near(to_double(m), dm, 2e-6, "m");
  expect_near(to_double(v), dv, 2e-6, "v");
}

TEST(SumSquares, EqualsThePlainSumAndShowsNonFiniteElements) {
  Rng rng(72);
  Cpu cpu;
  Buffer<float> x = random_buffer<float>({200000}, rng);
  double want = 0, got = -1;
  for (std::int64_t i = 0; i < x.size(); ++i) want += static_cast<double>(x[i]) * x[i];
  launch(cpu, SumSquares{.x = x.in(), .sum = &got});
  EXPECT_NEAR(got, want, 1e-9 * want);
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    x[123456] = bad;
    launch(cpu, SumSquares{.x = x.in(), .sum = &got});
    EXPECT_FALSE(std::isfinite(got));
  }
}

}  // namespace
}  // namespace faqsmith
