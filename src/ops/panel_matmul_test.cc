// PanelMatmul against sums in double over the values that each type keeps, for shapes with every kind of edge.
#include "ops/panel_matmul.h"

#include <cmath>
#include <cstring>

#include "ops/op_test.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

using namespace op_test;

constexpr GgmlType kTypes[] = {GgmlType::F32, GgmlType::BF16, GgmlType::F16};

float rounded(GgmlType type, float value) {
  if (type == GgmlType::F16) return half_to_float(float_to_half(value));
  return type == GgmlType::BF16 ? to_float(from_float<bf16>(value)) : value;
}

PanelMatrix panels_of(GgmlType type, const Buffer<float>& w) {
  const MemoryRows rows(w.in());
  const RowSource* const parts[] = {&rows};
  return {type, parts};
}

Buffer<float> multiply(const PanelMatrix& w, In<float> x) {
  Buffer<float> y = poisoned<float>({x.shape[0], w.n_out()});
  Cpu cpu;
  launch(cpu, PanelMatmul{.x = x, .w = &w, .y = y.out()});
  return y;
}

// Rows of x beyond a block in the cache, columns of more than a slice, outputs that fill no panel.
TEST(PanelMatmul, EqualsTheSumInDoubleForEveryTypeAndShape) {
  Rng rng(51);
  struct Case {
    std::int64_t m, out, in;
  };
  const Case cases[] = {{1, 16, 32}, {2, 1, 1},    {3, 17, 255}, {5, 40, 256},  {7, 15, 257}, {8, 33, 513},
                        {11, 48, 7}, {12, 31, 96}, {13, 16, 31}, {96, 21, 300}, {97, 5, 40},  {200, 64, 520}};
  for (const GgmlType type : kTypes) {
    for (const auto& [m, out, in] : cases) {
      const Buffer<float> w = random_buffer<float>({out, in}, rng, 0.02), x = random_buffer<float>({m, in}, rng);
      const PanelMatrix panels = panels_of(type, w);
      EXPECT_EQ(panels.n_in(), in);
      EXPECT_EQ(panels.n_out(), out);
      std::vector<double> want;
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t o = 0; o < out; ++o) {
          double sum = 0;
          for (std::int64_t k = 0; k < in; ++k)
            sum += static_cast<double>(x[i * in + k]) * rounded(type, w[o * in + k]);
          want.push_back(sum);
        }
      }
      expect_near(to_double(multiply(panels, x.in())), want, kTolerance<float>,
                  std::to_string(m) + " rows, " + std::to_string(out) + " x " + std::to_string(in));
    }
  }
}

TEST(PanelMatmul, EveryFiniteHalfAndBf16IsKeptBitForBit) {
  for (const GgmlType type : {GgmlType::F16, GgmlType::BF16}) {
    Buffer<float> w({1 << 16, 1});
    for (std::uint32_t bits = 0; bits < 1u << 16; ++bits) {
      const auto half = static_cast<std::uint16_t>(bits);
      const float value = type == GgmlType::F16 ? half_to_float(half) : to_float(bf16{half});
      w[bits] = std::isfinite(value) ? value : 0.0f;
    }
    Buffer<float> one({1, 1});
    one[0] = 1.0f;
    const Buffer<float> y = multiply(panels_of(type, w), one.in());
    for (std::int64_t i = 0; i < w.size(); ++i) ASSERT_EQ(y[i], w[i]) << i;
  }
}

TEST(PanelMatmul, ARowIsTheSameBytesAmongAnyOthers) {
  Rng rng(52);
  constexpr std::int64_t kRows = 130, kIn = 700, kOut = 45;
  const Buffer<float> w = random_buffer<float>({kOut, kIn}, rng), x = random_buffer<float>({kRows, kIn}, rng);
  for (const GgmlType type : kTypes) {
    const PanelMatrix panels = panels_of(type, w);
    const Buffer<float> whole = multiply(panels, x.in());
    for (std::int64_t m = 1; m < kRows; m += m < 30 ? 1 : 13) {
      const std::int64_t first = kRows - m;
      const Buffer<float> part = multiply(panels, {x.data() + first * kIn, {m, kIn}});
      ASSERT_EQ(
          std::memcmp(part.data(), whole.data() + first * kOut, sizeof(float) * static_cast<std::size_t>(m * kOut)), 0)
          << m << " rows";
    }
  }
}

TEST(PanelMatmul, StackedPartsAreOneMatrix) {
  Rng rng(53);
  constexpr std::int64_t kIn = 90;
  const Buffer<float> a = random_buffer<float>({21, kIn}, rng), b = random_buffer<float>({6, kIn}, rng),
                      x = random_buffer<float>({4, kIn}, rng);
  const MemoryRows rows_a(a.in()), rows_b(b.in());
  const RowSource* const parts[] = {&rows_a, &rows_b};
  const PanelMatrix stacked(GgmlType::F32, parts);
  const Buffer<float> y = multiply(stacked, x.in()), y_a = multiply(panels_of(GgmlType::F32, a), x.in()),
                      y_b = multiply(panels_of(GgmlType::F32, b), x.in());
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t o = 0; o < 21; ++o) ASSERT_EQ(y[i * 27 + o], y_a[i * 21 + o]);
    for (std::int64_t o = 0; o < 6; ++o) ASSERT_EQ(y[i * 27 + 21 + o], y_b[i * 6 + o]);
  }
}

TEST(PanelMatmul, WeightsOf16BitsTakeTwoBytes) {
  const Buffer<float> w({64, 512});
  EXPECT_EQ(panels_of(GgmlType::BF16, w).bytes(), 64u * 512 * 2);
  EXPECT_EQ(panels_of(GgmlType::F32, w).bytes(), 64u * 512 * 4);
}

}  // namespace
}  // namespace faqsmith
