// QuantMatmul against sums in double over the blocks' values (tensor/quants.h), for every type, kernel and odd shape.
#include "ops/quant_matmul.h"

#include <cstring>

#include "ops/op_test.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

using namespace op_test;

constexpr GgmlType kTypes[] = {GgmlType::Q8_0, GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1,
                               GgmlType::Q2_K, GgmlType::Q3_K, GgmlType::Q4_K, GgmlType::Q5_K, GgmlType::Q6_K};
constexpr QuantKernel kKernels[] = {QuantKernel::Plain, QuantKernel::Avx2, QuantKernel::Vnni, QuantKernel::Amx};
constexpr std::int64_t kChunk = 32;  // columns of x that share a scale

const GgmlTypeInfo& info(GgmlType type) {
  return *find_type(static_cast<std::uint32_t>(type));
}

// Where a block's float16 numbers stand.
std::vector<std::int64_t> halves_of(GgmlType type) {
  switch (type) {
    case GgmlType::Q4_1:
    case GgmlType::Q5_1:
    case GgmlType::Q4_K:
    case GgmlType::Q5_K:
      return {0, 2};
    case GgmlType::Q2_K:
      return {80, 82};
    case GgmlType::Q3_K:
      return {108};
    case GgmlType::Q6_K:
      return {208};
    default:
      return {0};
  }
}

// Rows of random blocks: every byte is possible, scales are those of weights.
struct RandomRows {
  RandomRows(GgmlType type_used, std::int64_t n_rows, std::int64_t n_in, Rng& rng)
      : type(type_used), rows(n_rows), in(n_in), bytes(static_cast<std::size_t>(n_rows * row_bytes())) {
    for (auto& byte : bytes) byte = static_cast<std::byte>(rng.below(256));
    for (std::int64_t b = 0; b < rows * in / info(type).block_elements; ++b) {
      for (const std::int64_t at : halves_of(type)) {
        const std::uint16_t half = float_to_half(static_cast<float>(0.01 * rng.normal()));
        std::memcpy(bytes.data() + b * info(type).block_bytes + at, &half, sizeof half);
      }
    }
  }
  [[nodiscard]] std::int64_t row_bytes() const { return in / info(type).block_elements * info(type).block_bytes; }
  [[nodiscard]] QuantPart part() const {
    QuantPart out{type, {}};
    for (std::int64_t r = 0; r < rows; ++r) out.rows.push_back(bytes.data() + r * row_bytes());
    return out;
  }
  [[nodiscard]] std::vector<float> values(std::int64_t row) const {
    std::vector<float> out(static_cast<std::size_t>(in));
    const auto n = static_cast<std::size_t>(row_bytes());
    dequantize(type, std::span(bytes).subspan(static_cast<std::size_t>(row) * n, n), out.data(), in);
    return out;
  }
  GgmlType type;
  std::int64_t rows, in;
  std::vector<std::byte> bytes;
};

// x as the kernel sees it.
template <class T>
std::vector<double> rounded(const Buffer<T>& x, QuantKernel kernel) {
  std::vector<double> out;
  if (kernel == QuantKernel::Amx) {
    for (std::int64_t i = 0; i < x.size(); ++i) out.push_back(to_float(from_float<bf16>(to_float(x[i]))));
    return out;
  }
  for (std::int64_t first = 0; first < x.size(); first += kChunk) {
    float largest = 0;
    for (std::int64_t i = 0; i < kChunk; ++i) largest = std::max(largest, std::abs(to_float(x[first + i])));
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    for (std::int64_t i = 0; i < kChunk; ++i)
      out.push_back(static_cast<double>(std::nearbyint(to_float(x[first + i]) * inverse)) * (largest / 127.0f));
  }
  return out;
}

struct Case {
  std::int64_t m, out, in;
};

template <class T, class Y>
void expect_product(GgmlType type, QuantKernel kernel, const Case& shape, Rng& rng) {
  const RandomRows w(type, shape.out, shape.in, rng);
  const QuantPart part = w.part();
  const QuantMatrix packed({&part, 1}, shape.in);
  const Buffer<T> x = random_buffer<T>({shape.m, shape.in}, rng);
  Buffer<Y> y = poisoned<Y>({shape.m, shape.out});
  Cpu cpu;
  launch(cpu, QuantMatmul<T, Y>{.x = x.in(), .w = &packed, .y = y.out(), .kernel = kernel});
  const std::vector<double> x8 = rounded(x, kernel);
  for (std::int64_t o = 0; o < shape.out; ++o) {
    const std::vector<float> row = w.values(o);
    for (std::int64_t i = 0; i < shape.m; ++i) {
      double exact = 0, want = 0, magnitude = 0, bound = 0;
      for (std::int64_t k = 0; k < shape.in; ++k) {
        const double weight = row[static_cast<std::size_t>(k)], at8 = x8[static_cast<std::size_t>(i * shape.in + k)];
        const double value = to_float(x[i * shape.in + k]);
        exact += weight * value;
        want += weight * at8;
        magnitude += std::abs(weight * at8);
        bound += std::abs(weight * (value - at8));
      }
      const double got = to_float(y[i * shape.out + o]), rounding = sizeof(Y) == 2 ? 4e-3 * std::abs(want) : 0;
      // Half a unit of bf16's 8 bits, a weight.
      const double of_weights = kernel == QuantKernel::Amx ? magnitude / 512 : 0;
      // Sums with a minimum take it off again: their terms are larger than the product's.
      ASSERT_NEAR(got, want, 4e-6 * magnitude + 1e-5 + rounding + of_weights)
          << info(type).name << " kernel " << static_cast<int>(kernel) << " row " << i << " of " << shape.m
          << ", output " << o << " of " << shape.out << ", in " << shape.in;
      ASSERT_NEAR(got, exact, bound + 4e-6 * magnitude + 1e-5 + rounding + of_weights);
    }
  }
}

TEST(QuantMatmul, EqualsTheSumInDoubleForEveryTypeKernelAndShape) {
  Rng rng(41);
  for (const GgmlType type : kTypes) {
    const std::int64_t block = info(type).block_elements;
    for (const QuantKernel kernel : kKernels) {
      if (!can_run(kernel)) continue;
      for (const std::int64_t m : {1, 3, 8, 17, 31}) {
        expect_product<float, float>(type, kernel, {m, 21, 3 * block}, rng);
        expect_product<bf16, bf16>(type, kernel, {m, 16, block}, rng);
        expect_product<bf16, float>(type, kernel, {m, 5, 2 * block}, rng);
      }
    }
  }
}

TEST(QuantMatmul, ThePackedRowsMeanWhatTheBlocksMeanBitForBit) {
  Rng rng(42);
  for (const GgmlType type : kTypes) {
    const RandomRows w(type, 19, 2 * info(type).block_elements, rng);
    const QuantPart part = w.part();
    const QuantMatrix packed({&part, 1}, w.in);
    std::vector<float> row(static_cast<std::size_t>(w.in));
    for (std::int64_t r = 0; r < w.rows; ++r) {
      packed.decode_row(r, row.data());
      EXPECT_EQ(row, w.values(r)) << info(type).name << " row " << r;
    }
  }
}

TEST(QuantMatmul, StackedPartsOfSeveralTypesAreProductsSideBySide) {
  Rng rng(43);
  const std::int64_t in = 512, m = 5;
  const RandomRows a(GgmlType::Q4_K, 20, in, rng), b(GgmlType::Q6_K, 7, in, rng), c(GgmlType::Q6_K, 9, in, rng),
      d(GgmlType::Q8_0, 33, in, rng);
  const RandomRows* const all[] = {&a, &b, &c, &d};
  std::vector<QuantPart> parts;
  for (const RandomRows* rows : all) parts.push_back(rows->part());
  const QuantMatrix stacked(parts, in);
  const Buffer<float> x = random_buffer<float>({m, in}, rng);
  Buffer<float> y = poisoned<float>({m, stacked.n_out()});
  Cpu cpu;
  launch(cpu, QuantMatmul<float, float>{.x = x.in(), .w = &stacked, .y = y.out()});
  std::int64_t column = 0;
  for (const QuantPart& part : parts) {
    const QuantMatrix one({&part, 1}, in);
    Buffer<float> alone = poisoned<float>({m, one.n_out()});
    launch(cpu, QuantMatmul<float, float>{.x = x.in(), .w = &one, .y = alone.out()});
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t o = 0; o < one.n_out(); ++o)
        ASSERT_EQ(y[i * stacked.n_out() + column + o], alone[i * one.n_out() + o]);
    }
    column += one.n_out();
  }
}

TEST(QuantMatmul, ARowsResultDoesNotDependOnTheRowsBesideIt) {
  Rng rng(44);
  constexpr std::int64_t kRows = 37, kOut = 35;
  for (const GgmlType type : kTypes) {
    const std::int64_t in = 2 * info(type).block_elements;
    const RandomRows w(type, kOut, in, rng);
    const QuantPart part = w.part();
    const QuantMatrix packed({&part, 1}, in);
    const Buffer<bf16> x = random_buffer<bf16>({kRows, in}, rng);
    for (const QuantKernel kernel : kKernels) {
      if (!can_run(kernel)) continue;
      Cpu cpu;
      Buffer<float> together = poisoned<float>({kRows, kOut});
      launch(cpu, QuantMatmul<bf16, float>{.x = x.in(), .w = &packed, .y = together.out(), .kernel = kernel});
      for (std::int64_t first = 0; first < kRows; ++first) {
        const std::int64_t n = std::min<std::int64_t>(1 + first % 3, kRows - first);
        Buffer<float> alone = poisoned<float>({n, kOut});
        launch(cpu, QuantMatmul<bf16, float>{
                        .x = {x.data() + first * in, {n, in}}, .w = &packed, .y = alone.out(), .kernel = kernel});
        ASSERT_EQ(std::memcmp(alone.data(), together.data() + first * kOut,
                              static_cast<std::size_t>(n * kOut) * sizeof(float)),
                  0)
            << info(type).name << " kernel " << static_cast<int>(kernel) << " row " << first;
      }
    }
  }
}

TEST(QuantMatmul, TheLargestCodesAndValuesDoNotOverflow) {
  for (const GgmlType type : kTypes) {
    const std::int64_t in = info(type).block_elements;
    Rng rng(49);
    RandomRows w(type, 16, in, rng);
    for (const std::byte fill : {std::byte{0xff}, std::byte{0x00}, std::byte{0x80}}) {
      std::fill(w.bytes.begin(), w.bytes.end(), fill);
      const std::uint16_t one = float_to_half(1.0f);
      for (std::int64_t r = 0; r < w.rows; ++r) {
        for (const std::int64_t at : halves_of(type)) std::memcpy(w.bytes.data() + r * w.row_bytes() + at, &one, 2);
      }
      const QuantPart part = w.part();
      const QuantMatrix packed({&part, 1}, in);
      Buffer<float> x({1, in});
      for (const float sign : {1.0f, -1.0f}) {
        for (std::int64_t k = 0; k < in; ++k) x[k] = sign * 127;
        double want = 0;
        for (const float value : w.values(0)) want += static_cast<double>(value) * sign * 127;
        for (const QuantKernel kernel : kKernels) {
          if (!can_run(kernel)) continue;
          Buffer<float> y = poisoned<float>({1, w.rows});
          Cpu cpu;
          launch(cpu, QuantMatmul<float, float>{.x = x.in(), .w = &packed, .y = y.out(), .kernel = kernel});
          const double tolerance = kernel == QuantKernel::Amx ? 1.0 / 256 : 1e-5;
          for (std::int64_t o = 0; o < w.rows; ++o)
            ASSERT_NEAR(y[o], want, tolerance * std::abs(want) + 0.1)
                << info(type).name << " " << static_cast<int>(kernel);
        }
      }
    }
  }
}

TEST(QuantMatmul, NumbersThatAreNoneReachTheResult) {
  Rng rng(45);
  const RandomRows w(GgmlType::Q4_1, 16, 64, rng);
  const QuantPart part = w.part();
  const QuantMatrix packed({&part, 1}, w.in);
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    for (const QuantKernel kernel : kKernels) {
      if (!can_run(kernel)) continue;
      Buffer<float> x = random_buffer<float>({2, w.in}, rng);
      x[40] = bad;
      Buffer<float> y({2, w.rows});
      Cpu cpu;
      launch(cpu, QuantMatmul<float, float>{.x = x.in(), .w = &packed, .y = y.out(), .kernel = kernel});
      for (std::int64_t o = 0; o < w.rows; ++o) {
        // Tiles multiply infinity as it is; in 8 bits it has no scale.
        EXPECT_TRUE(kernel == QuantKernel::Amx ? !std::isfinite(y[o]) : std::isnan(y[o]));
        EXPECT_TRUE(std::isfinite(y[w.rows + o]));
      }
    }
  }
}

TEST(QuantMatmul, ZerosGiveZero) {
  Rng rng(46);
  const RandomRows w(GgmlType::Q6_K, 16, 256, rng);
  const QuantPart part = w.part();
  const QuantMatrix packed({&part, 1}, w.in);
  const Buffer<float> x({3, w.in});
  Buffer<float> y = poisoned<float>({3, w.rows});
  Cpu cpu;
  launch(cpu, QuantMatmul<float, float>{.x = x.in(), .w = &packed, .y = y.out()});
  for (std::int64_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], 0.0f);
}

TEST(QuantMatmul, FloatsBecomeQ8WithinHalfAStep) {
  Rng rng(47);
  const Buffer<float> first = random_buffer<float>({18, 96}, rng), second = random_buffer<float>({5, 96}, rng, 1e-3);
  const In<float> parts[] = {first.in(), second.in()};
  const QuantMatrix packed = QuantMatrix::from_float(parts);
  ASSERT_EQ(packed.n_out(), 23);
  std::vector<float> row(96);
  for (std::int64_t r = 0; r < 23; ++r) {
    packed.decode_row(r, row.data());
    const float* const source = r < 18 ? first.data() + r * 96 : second.data() + (r - 18) * 96;
    for (std::int64_t k0 = 0; k0 < 96; k0 += kChunk) {
      float largest = 0;
      for (std::int64_t k = k0; k < k0 + kChunk; ++k) largest = std::max(largest, std::abs(source[k]));
      // Half a step, and what rounding the scale to float16 costs at the largest code.
      for (std::int64_t k = k0; k < k0 + kChunk; ++k)
        EXPECT_NEAR(row[static_cast<std::size_t>(k)], source[k], largest * (0.51 / 127 + 0x1p-11 + 1e-6));
    }
  }
}

}  // namespace
}  // namespace faqsmith
