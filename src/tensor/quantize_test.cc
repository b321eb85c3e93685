// Quantisers against their own dequantisers: bounds that follow from each format. Byte equality with ggml and the error
// beside ggml's own search are compared by tests/model_files_test.py.
#include "tensor/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "sys/parallel.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

constexpr GgmlType kLossy[] = {GgmlType::F16,  GgmlType::BF16, GgmlType::Q8_0, GgmlType::Q4_0,
                               GgmlType::Q5_0, GgmlType::Q4_K, GgmlType::Q6_K};

std::vector<float> normal_values(std::size_t n, double scale, double shift = 0) {
  Rng rng(11);
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(scale * rng.normal() + shift);
  return out;
}

std::vector<float> there_and_back(GgmlType type, const std::vector<float>& values) {
  std::vector<float> out(values.size());
  dequantize(type, quantize(type, values, "t"), out.data(), static_cast<std::int64_t>(out.size()));
  return out;
}

// Root of the mean squared difference, over that of the values themselves.
double relative_error(GgmlType type, const std::vector<float>& values) {
  const std::vector<float> back = there_and_back(type, values);
  double error = 0, power = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    error += std::pow(static_cast<double>(back[i]) - values[i], 2);
    power += std::pow(static_cast<double>(values[i]), 2);
  }
  return std::sqrt(error / power);
}

TEST(Quantize, ErrorsOfNormalValuesAreThoseOfTheFormat) {
  // Bounds: a little above what was measured (0.00021, MEASURED).
  const double bounds[] = {2.2e-4, 2e-3, 8e-3, 0.1, 0.05, 0.07, 0.018};
  for (std::size_t i = 0; i < std::size(kLossy); ++i) {
    for (const double scale : {0.02, 1.0, 100.0}) {
      const double error = relative_error(kLossy[i], normal_values(256 * 64, scale));
      EXPECT_LT(error, bounds[i]) << find_type(static_cast<std::uint32_t>(kLossy[i]))->name << " " << scale;
      EXPECT_GT(error, bounds[i] / 4);
    }
  }
}

TEST(Quantize, AMinimumServesValuesThatLieOnOneSide) {
  const auto shifted = normal_values(256 * 16, 0.02, -0.5);
  EXPECT_LT(relative_error(GgmlType::Q4_K, shifted), 0.01);
  EXPECT_GT(relative_error(GgmlType::Q4_0, shifted), 0.01);
}

TEST(Quantize, ValuesOnTheGridComeBackExactly) {
  for (const GgmlType type : kLossy) {
    const auto once = there_and_back(type, std::vector<float>(512, 0.0f));
    EXPECT_EQ(std::count(once.begin(), once.end(), 0.0f), 512);
  }
  std::vector<float> grid(256);
  for (std::size_t i = 0; i < grid.size(); ++i) grid[i] = 0.25f * static_cast<float>(static_cast<int>(i % 16) - 8);
  EXPECT_EQ(there_and_back(GgmlType::Q4_0, grid), grid);
  EXPECT_EQ(there_and_back(GgmlType::Q5_0, grid), grid);
  EXPECT_LT(relative_error(GgmlType::Q4_K, grid), 1e-3);
  EXPECT_LT(relative_error(GgmlType::Q6_K, grid), 0.02);
}

TEST(Quantize, OneLargeValueDoesNotDrownItsNeighbourBlocks) {
  auto values = normal_values(512, 0.01);
  values[300] = 40.0f;
  for (const GgmlType type : kLossy) {
    const auto back = there_and_back(type, values);
    EXPECT_NEAR(back[300], 40.0f, 0.8f) << find_type(static_cast<std::uint32_t>(type))->name;
    for (std::size_t i = 0; i < 256; ++i) EXPECT_NEAR(back[i], values[i], 0.004f);
  }
}

TEST(Quantize, GivesTheSameBytesWithAnyNumberOfThreads) {
  const auto values = normal_values(256 * 37, 0.02);
  const int before = n_threads();
  for (const GgmlType type : kLossy) {
    set_n_threads(1);
    const auto one = quantize(type, values, "t");
    set_n_threads(3);
    EXPECT_EQ(quantize(type, values, "t"), one);
    EXPECT_EQ(one.size(), quantized_bytes(type, values.size()));
  }
  set_n_threads(before);
}

TEST(Quantize, TinyValuesBecomeZeroAndHugeOnesAreRefusedByTensor) {
  for (const GgmlType type : kLossy) {
    std::vector<float> values(256, 1e-41f);
    for (const float x : there_and_back(type, values)) EXPECT_LE(std::abs(x), 2e-41f);
    values[7] = 3e38f;
    if (type == GgmlType::BF16) continue;
    try {
      (void)quantize(type, values, "blk.3.attn_v.weight");
      ADD_FAILURE() << find_type(static_cast<std::uint32_t>(type))->name;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), testing::HasSubstr("blk.3.attn_v.weight"));
    }
  }
}

TEST(Quantize, KnowsWhatItCannotWrite) {
  EXPECT_TRUE(can_quantize(GgmlType::F32));
  EXPECT_FALSE(can_quantize(GgmlType::Q4_1));
  EXPECT_FALSE(can_quantize(GgmlType::Q2_K));
}

}  // namespace
}  // namespace faqsmith
