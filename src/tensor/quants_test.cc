// Number formats against golden values of the PyPI package gguf (tools/oracle/quants_golden.py) and against themselves.
#include "tensor/quants.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/rng.h"
#include "sys/file.h"

namespace faqsmith {
namespace {

TEST(Quants, DecodeBitForBitAsTheReference) {
  const std::pair<GgmlType, const char*> types[] = {
      {GgmlType::F16, "F16"},   {GgmlType::BF16, "BF16"}, {GgmlType::Q8_0, "Q8_0"}, {GgmlType::Q4_0, "Q4_0"},
      {GgmlType::Q4_1, "Q4_1"}, {GgmlType::Q5_0, "Q5_0"}, {GgmlType::Q5_1, "Q5_1"}, {GgmlType::Q2_K, "Q2_K"},
      {GgmlType::Q3_K, "Q3_K"}, {GgmlType::Q4_K, "Q4_K"}, {GgmlType::Q5_K, "Q5_K"}, {GgmlType::Q6_K, "Q6_K"}};
  for (const auto& [type, name] : types) {
    const std::string golden = read_file(std::string(FAQSMITH_SOURCE_DIR) + "/tests/golden/quants_" + name + ".bin");
    std::uint32_t n = 0, n_bytes = 0;
    std::memcpy(&n, golden.data(), 4);
    std::memcpy(&n_bytes, golden.data() + 4, 4);
    ASSERT_EQ(golden.size(), 8 + n_bytes + n * sizeof(float)) << name;
    std::vector<float> ours(n);
    dequantize(type, std::as_bytes(std::span(golden)).subspan(8, n_bytes), ours.data(), n);
    EXPECT_EQ(std::memcmp(ours.data(), golden.data() + 8 + n_bytes, n * sizeof(float)), 0) << name;
  }
}

TEST(Quants, AnEmptyTensorNeedsNoMemory) {
  for (const GgmlType type : {GgmlType::F32, GgmlType::F16, GgmlType::Q4_1})
    EXPECT_NO_THROW(dequantize(type, {}, nullptr, 0));
}

TEST(Quants, EveryHalfSurvivesTheWayToFloatAndBack) {
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const float value = half_to_float(static_cast<std::uint16_t>(half));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      EXPECT_EQ(float_to_half(value), half);
    }
  }
}

TEST(Quants, FloatsRoundToTheNearestHalfAndTiesToEven) {
  Rng rng(5);
  for (int i = 0; i < 100000; ++i) {
    const float value = static_cast<float>(rng.normal() * std::pow(10.0, rng.uniform() * 12 - 8));
    const std::uint16_t half = float_to_half(value);
    if (std::abs(value) >= 65504.0f) continue;
    const double error = std::abs(static_cast<double>(half_to_float(half)) - value);
    for (const int step : {-1, 1}) {
      const auto neighbour = static_cast<std::uint16_t>(half + step);
      if ((neighbour ^ half) & 0x8000u) continue;  // stepped over zero
      const double other = std::abs(static_cast<double>(half_to_float(neighbour)) - value);
      EXPECT_TRUE(error < other || (error == other && half % 2 == 0)) << value;
    }
  }
  EXPECT_EQ(float_to_half(65519.99f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(-INFINITY), 0xfc00);
  EXPECT_EQ(float_to_half(0x1p-25f), 0);  // a tie between 0 and the smallest subnormal
  EXPECT_EQ(float_to_half(0x1.8p-25f), 1);
}

}  // namespace
}  // namespace faqsmith
