// NF4 against a float64 formula of the paper and against values that bitsandbytes gives (tools/oracle/nf4_golden.py).
#include "tensor/nf4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "sys/file.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

Buffer<float> random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  Rng rng(seed);
  Buffer<float> out({rows, columns});
  for (std::int64_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(0.02 * rng.normal());
  return out;
}

Nf4Matrix quantized(const Buffer<float>& values) {
  return Nf4Matrix(MemoryRows(values.in()));
}

// A quantile of the standard normal distribution, by bisection of its distribution function.
double quantile(double p) {
  double low = -10, high = 10;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// Dettmers et al., section 3 and appendix E: quantiles of a normal distribution, 8 on the positive side, 7 on the
// negative side and zero, divided by the largest; the outermost probability is 1 - (1/32 + 1/30) / 2.
TEST(Nf4, LevelsAreTheQuantilesOfThePaper) {
  constexpr double kOutermost = 0.9677083;
  std::vector<double> expected = {0.0};
  for (int i = 0; i < 8; ++i) expected.push_back(quantile(kOutermost + (0.5 - kOutermost) * i / 8));
  for (int i = 0; i < 7; ++i) expected.push_back(-quantile(kOutermost + (0.5 - kOutermost) * i / 7));
  std::sort(expected.begin(), expected.end());
  ASSERT_EQ(expected.size(), 16u);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(nf4_levels()[i], expected[i] / expected[15], 2e-7) << i;
}

TEST(Nf4, AbsmaxStepsAreRisingAndSymmetricAroundZeroButForOne) {
  const auto& steps = nf4_absmax_steps();
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) EXPECT_LT(steps[i], steps[i + 1]);
  EXPECT_EQ(steps[127], 0.0f);
  EXPECT_EQ(steps[255], 1.0f);
  for (std::size_t i = 1; i <= 127; ++i) EXPECT_EQ(steps[127 - i], -steps[127 + i]);
  EXPECT_FLOAT_EQ(steps[128], 0.55e-6f);  // 10^-6, one fraction
  EXPECT_FLOAT_EQ(steps[254], static_cast<float>(0.1 + 0.9 * 63.5 / 64));
}

template <class Steps>
double distance_to_nearest(const Steps& steps, double value) {
  double best = 1e9;
  for (const float step : steps) best = std::min(best, std::abs(static_cast<double>(step) - value));
  return best;
}

TEST(Nf4, ChoosesTheNearestLevelAndStep) {
  Rng rng(3);
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<float>(2 * rng.uniform() - 1);
    const double level = nf4_levels()[nearest_nf4_level(value)],
                 step = nf4_absmax_steps()[nearest_nf4_absmax_step(value)];
    EXPECT_NEAR(std::abs(level - value), distance_to_nearest(nf4_levels(), value), 1e-7);
    EXPECT_NEAR(std::abs(step - value), distance_to_nearest(nf4_absmax_steps(), value), 1e-7);
  }
  for (const float edge : {-1.0f, 0.0f, 1.0f}) {
    EXPECT_EQ(nf4_levels()[nearest_nf4_level(edge)], edge);
    if (edge >= 0) {
      EXPECT_EQ(nf4_absmax_steps()[nearest_nf4_absmax_step(edge)], edge);
    }
  }
}

// The formula in float64, from the values alone. A level or step that rounding could have chosen otherwise is accepted.
TEST(Nf4, DecodesWhatTheFormulaSays) {
  for (const auto& [rows, columns] : {std::pair{64, 128}, {300, 64}, {37, 33}, {5, 7}, {1, 1}}) {
    const Buffer<float> values = random_matrix(rows, columns, 11);
    const Nf4Matrix matrix = quantized(values);
    const std::int64_t n = values.size(), n_blocks = (n + 63) / 64;
    std::vector<double> absmax(static_cast<std::size_t>(n_blocks), 0.0);
    for (std::int64_t i = 0; i < n; ++i) {
      double& largest = absmax[static_cast<std::size_t>(i / 64)];
      largest = std::max(largest, std::abs(static_cast<double>(values[i])));
    }
    double mean = 0;
    for (const double a : absmax) mean += a / static_cast<double>(n_blocks);
    Buffer<float> decoded({rows, columns});
    matrix.decode_rows(0, rows, decoded.data());
    for (std::int64_t b = 0; b < n_blocks; ++b) {
      double scale = 0;
      for (std::int64_t o = b / 256 * 256; o < std::min(n_blocks, b / 256 * 256 + 256); ++o)
        scale = std::max(scale, std::abs(absmax[static_cast<std::size_t>(o)] - mean));
      const double rest = absmax[static_cast<std::size_t>(b)] - mean, kept = matrix.absmax()[b];
      const double error = scale > 0 ? distance_to_nearest(nf4_absmax_steps(), rest / scale) * scale : 0;
      EXPECT_NEAR(std::abs(kept - mean - rest), error, 1e-6 * std::abs(mean));
      for (std::int64_t i = b * 64; i < std::min(n, b * 64 + 64); ++i) {
        const double exact = values[i] / absmax[static_cast<std::size_t>(b)];
        EXPECT_NEAR(std::abs(decoded[i] / kept - exact), distance_to_nearest(nf4_levels(), exact), 1e-6) << i;
      }
    }
  }
}

// Within the rounding of the mean absmax, which float32 sums give in another order.
TEST(Nf4, DecodesWhatBitsandbytesDoes) {
  const std::string golden = read_file(std::string(FAQSMITH_SOURCE_DIR) + "/tests/golden/nf4.bin");
  std::uint32_t rows = 0, columns = 0;
  std::memcpy(&rows, golden.data(), 4);
  std::memcpy(&columns, golden.data() + 4, 4);
  const std::size_t n = std::size_t{rows} * columns;
  ASSERT_EQ(golden.size(), 8 + n * 6);
  Buffer<float> values({rows, columns}), expected({rows, columns}), decoded({rows, columns});
  dequantize(GgmlType::F16, std::as_bytes(std::span(golden)).subspan(8, n * 2), values.data(), values.size());
  std::memcpy(expected.data(), golden.data() + 8 + n * 2, n * sizeof(float));
  const Nf4Matrix matrix = quantized(values);
  matrix.decode_rows(0, rows, decoded.data());
  for (std::int64_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(decoded[i], expected[i], 3e-7 * (std::abs(matrix.absmax()[i / 64]) + matrix.absmax().offset())) << i;
}

TEST(Nf4, AnyRowsAreThoseOfTheWhole) {
  const Buffer<float> values = random_matrix(70, 37, 5);
  const Nf4Matrix matrix = quantized(values);
  Buffer<float> all({70, 37}), some({70, 37});
  matrix.decode_rows(0, 70, all.data());
  for (std::int64_t first = 0; first < 70; first += 3) {
    const std::int64_t n = std::min<std::int64_t>(first % 5 + 1, 70 - first);
    matrix.decode_rows(first, n, some.data());
    EXPECT_EQ(std::memcmp(some.data(), all.data() + first * 37, static_cast<std::size_t>(n * 37) * sizeof(float)), 0);
  }
}

TEST(Nf4, ZerosStayZerosAndBytesAreAsForecast) {
  const Nf4Matrix matrix = quantized(Buffer<float>({256, 256}));
  std::vector<float> row(256, 1.0f);
  matrix.decode_rows(9, 1, row.data());
  for (const float value : row) EXPECT_EQ(value, 0.0f);
  EXPECT_EQ(matrix.bytes(), 256u * 256 / 2 + 1024 + 4 * 4);
  EXPECT_EQ(matrix.bytes(), static_cast<std::uint64_t>(matrix.codes().size()) + matrix.absmax().bytes());
}

TEST(Nf4, RoundingRowsGivesTheBitsOfTheMatrix) {
  for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{70, 64}, {300, 192}, {3, 640}}) {
    Buffer<float> values = random_matrix(rows, columns, 8);
    std::fill_n(values.data(), 64, 0.0f);  // a block of zeros
    const Nf4Rounding rounding{MemoryRows(values.in())};
    const Nf4Matrix matrix = quantized(values);
    Buffer<float> expected({rows, columns});
    matrix.decode_rows(0, rows, expected.data());
    for (std::int64_t first = 0, n = 1; first < rows; first += n, n = std::min(n + 3, rows - first))
      rounding.apply(first, n, values.data() + first * columns);
    EXPECT_EQ(std::memcmp(values.data(), expected.data(), static_cast<std::size_t>(values.size()) * sizeof(float)), 0);
    EXPECT_LT(rounding.bytes() * 25, matrix.bytes());
  }
  EXPECT_FALSE(Nf4Rounding::fits({64, 37}));
}

}  // namespace
}  // namespace faqsmith
