// AdaptedRowNorms against the sum in double.
#include "ops/adapted_row_norms.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

TEST(AdaptedRowNorms, EqualTheFormula) {
  Cpu cpu;
  Rng rng(71);
  for (const std::int64_t rank : {1, 5}) {
    const std::int64_t n_out = 37, n_in = 67;
    const Buffer<float> w = random_buffer<float>({n_out, n_in}, rng), a = random_buffer<float>({rank, n_in}, rng),
                        b = random_buffer<float>({n_out, rank}, rng);
    Buffer<float> norms = poisoned<float>({n_out});
    const MemoryRows rows(w.in());
    launch(cpu, AdaptedRowNorms{.w = &rows, .a = a.in(), .b = b.in(), .scale = 0.7f, .norms = norms.out()});
    for (std::int64_t i = 0; i < n_out; ++i) {
      double sum = 0;
      for (std::int64_t c = 0; c < n_in; ++c) {
        double value = w[i * n_in + c];
        for (std::int64_t r = 0; r < rank; ++r)
          value += 0.7 * static_cast<double>(b[i * rank + r]) * static_cast<double>(a[r * n_in + c]);
        sum += value * value;
      }
      EXPECT_NEAR(norms[i] / std::sqrt(sum), 1.0, 1e-5);
    }
  }
}

TEST(AdaptedRowNorms, RefusesMatricesThatDoNotFit) {
  Cpu cpu;
  Buffer<float> w({4, 8}), a({2, 8}), b({4, 3}), norms({4});
  const MemoryRows rows(w.in());
  EXPECT_THROW(launch(cpu, AdaptedRowNorms{.w = &rows, .a = a.in(), .b = b.in(), .norms = norms.out()}), Error);
}

}  // namespace
}  // namespace faqsmith
