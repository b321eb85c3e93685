// Matmul and MatmulWeightGrad against sums in double, for packed layouts with and without padding, slices and stacking.
#include "ops/matmul.h"

#include <array>

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

bool can_run(Compute compute) {
  return compute == Compute::F32 || usable_isa() >= Isa::Avx512Bf16;
}

template <class T>
class MatmulTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_run(kComputeOf<T>)) GTEST_SKIP() << "no bf16 matrix products here";
  }
  Cpu cpu_{kComputeOf<T>};
};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(MatmulTest, Types);

template <class T>
float rounded(float x) {
  return to_float(from_float<T>(x));
}

// y[i][j] = sum_r x[i][r] * operand[r][j] with the weight rounded as packing rounds it.
template <class T>
std::vector<double> expected(const Buffer<T>& x, std::int64_t x_column, const Buffer<float>& w, Product product,
                             float scale) {
  const std::int64_t m = x.shape()[0], out = w.shape()[0], in = w.shape()[1];
  const bool forward = product == Product::Forward;
  const std::int64_t reads = forward ? in : out, writes = forward ? out : in;
  std::vector<double> y(static_cast<std::size_t>(m * writes));
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < writes; ++j) {
      double sum = 0;
      for (std::int64_t r = 0; r < reads; ++r) {
        const float weight = forward ? w[j * in + r] : w[r * in + j];
        sum += static_cast<double>(to_float(x[i * x.shape()[1] + x_column + r])) * rounded<T>(scale * weight);
      }
      y[static_cast<std::size_t>(i * writes + j)] = sum;
    }
  }
  return y;
}

TYPED_TEST(MatmulTest, EqualsTheSumInDoubleForEveryShapeAndDirection) {
  using T = TypeParam;
  Rng rng(11);
  for (const Product product : {Product::Forward, Product::Backward}) {
    for (const auto& [out, in] : {std::pair<std::int64_t, std::int64_t>{96, 64},
                                  {100, 37},
                                  {130, 120},
                                  {5, 3},
                                  {16, 576},
                                  {576, 16},
                                  {200, 192},
                                  {230, 208}}) {
      const Buffer<float> w = random_buffer<float>({out, in}, rng);
      const PackedMatrix packed(kComputeOf<T>, w.in(), product, 0.5f);
      EXPECT_EQ(packed.bytes(), packed_bytes(kComputeOf<T>, product, out, in));
      for (const std::int64_t m : {1, 2, 7, 33, 70}) {
        const Buffer<T> x = random_buffer<T>({m, packed.reads()}, rng);
        Buffer<float> y = poisoned<float>({m, packed.writes()});
        if constexpr (sizeof(T) == 2) {
          launch(this->cpu_, Matmul<T, float>{.x = x.in(), .w = &packed, .y = y.out()});
          Buffer<T> narrow = poisoned<T>({m, packed.writes()});
          launch(this->cpu_, Matmul<T, T>{.x = x.in(), .w = &packed, .y = narrow.out()});
          expect_near(to_double(narrow), expected(x, 0, w, product, 0.5f), kTolerance<T>, "bf16 result");
        } else {
          launch(this->cpu_, Matmul<T, T>{.x = x.in(), .w = &packed, .y = y.out()});
        }
        expect_near(to_double(y), expected(x, 0, w, product, 0.5f), 2e-5, "float result");
      }
    }
  }
}

TYPED_TEST(MatmulTest, StacksPartsAndTakesNewValuesInPlace) {
  using T = TypeParam;
  Rng rng(12);
  const Buffer<float> a = random_buffer<float>({70, 48}, rng), b = random_buffer<float>({9, 48}, rng),
                      c = random_buffer<float>({30, 48}, rng);
  const MemoryRows rows[] = {MemoryRows(a.in()), MemoryRows(b.in()), MemoryRows(c.in())};
  const std::vector<const RowSource*> parts = {&rows[0], &rows[1], &rows[2]};
  Buffer<float> stacked({109, 48});
  for (const Product product : {Product::Forward, Product::Backward}) {
    PackedMatrix packed(kComputeOf<T>, parts, product, 3.0f);
    packed.repack(parts);
    EXPECT_EQ(packed.n_out(), 109);
    EXPECT_GE(packed.bytes(), 109u * 48u * sizeof(T));
    std::int64_t at = 0;
    for (const Buffer<float>* part : {&a, &b, &c}) {
      for (std::int64_t i = 0; i < part->size(); ++i) stacked[at++] = (*part)[i];
    }
    const Buffer<T> x = random_buffer<T>({6, packed.reads()}, rng);
    Buffer<T> y = poisoned<T>({6, packed.writes()});
    launch(this->cpu_, Matmul<T, T>{.x = x.in(), .w = &packed, .y = y.out()});
    expect_near(to_double(y), expected(x, 0, stacked, product, 1.0f), kTolerance<T>, "stacked");
  }
}

// Has its rows only when asked.
class Decoded final : public RowSource {
 public:
  explicit Decoded(const Buffer<float>& values) : rows_(values.in()) {}
  [[nodiscard]] const Shape& shape() const override { return rows_.shape(); }
  void decode_rows(std::int64_t first, std::int64_t n, float* out) const override { rows_.decode_rows(first, n, out); }

 private:
  MemoryRows rows_;
};

template <class T>
Buffer<T> product_with(const Buffer<T>& x, const PackedMatrix& w) {
  Cpu cpu{kComputeOf<T>};
  Buffer<T> y = poisoned<T>({x.shape()[0], w.writes()});
  launch(cpu, Matmul<T, T>{.x = x.in(), .w = &w, .y = y.out()});
  return y;
}

// Rows in memory and decoded ones in one stack, in memory that other matrices filled before: the same bits as alone.
TYPED_TEST(MatmulTest, SharedMemoryAndDecodedRowsChangeNoBit) {
  using T = TypeParam;
  Rng rng(16);
  for (const auto& [out, in] :
       {std::pair<std::int64_t, std::int64_t>{100, 37}, {130, 120}, {5, 3}, {576, 48}, {9000, 20}}) {
    const Buffer<float> a = random_buffer<float>({out, in}, rng), b = random_buffer<float>({7, in}, rng),
                        other = random_buffer<float>({out + 300, in + 70}, rng);
    const MemoryRows in_memory[] = {MemoryRows(a.in()), MemoryRows(b.in())};
    const Decoded decoded(a);
    const std::vector<const RowSource*> plain = {&in_memory[0], &in_memory[1]}, mixed = {&decoded, &in_memory[1]};
    const Decoded noise(other);
    const RowSource* const noises = &noise;
    for (const Product product : {Product::Forward, Product::Backward}) {
      PackMemory memory;
      const PackedMatrix own(kComputeOf<T>, plain, product);
      PackedMatrix shared(kComputeOf<T>, mixed, product, memory),
          filler(kComputeOf<T>, std::span(&noises, 1), product, memory);
      EXPECT_EQ(shared.bytes(), 0u);
      EXPECT_GE(memory.bytes(), static_cast<std::size_t>(other.size()) * sizeof(T));
      const Buffer<T> x = random_buffer<T>({6, own.reads()}, rng);
      filler.repack(noise);
      EXPECT_THROW((void)product_with(x, shared), Error);
      shared.repack(mixed);
      EXPECT_EQ(to_double(product_with(x, shared)), to_double(product_with(x, own))) << out << " x " << in;
    }
  }
}

TYPED_TEST(MatmulTest, AddsIntoASliceAndLeavesTheRestAlone) {
  using T = TypeParam;
  Rng rng(13);
  const Buffer<float> w = random_buffer<float>({24, 16}, rng);
  const PackedMatrix packed(kComputeOf<T>, w.in(), Product::Forward);
  const Buffer<T> x = random_buffer<T>({5, 40}, rng);
  Buffer<T> y = random_buffer<T>({5, 50}, rng);
  const std::vector<double> before = to_double(y), product = expected(x, 8, w, Product::Forward, 1.0f);
  launch(this->cpu_,
         Matmul<T, T>{.x = x.in(), .w = &packed, .y = y.out(), .write = Write::Add, .x_column = 8, .y_column = 20});
  std::vector<double> want = before;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 24; ++j) want[i * 50 + 20 + j] += product[i * 24 + j];
  }
  expect_near(to_double(y), want, kTolerance<T>, "slice");
}

TYPED_TEST(MatmulTest, BackwardOverVeryManyRowsOfTheWeightEqualsTheSum) {
  using T = TypeParam;
  Rng rng(16);
  const Buffer<float> w = random_buffer<float>({9001, 16}, rng);
  const PackedMatrix packed(kComputeOf<T>, w.in(), Product::Backward);
  EXPECT_EQ(packed.bytes(), packed_bytes(kComputeOf<T>, Product::Backward, 9001, 16));
  const Buffer<T> x = random_buffer<T>({3, 9003}, rng);
  Buffer<T> y = random_buffer<T>({3, 20}, rng);
  std::vector<double> want = to_double(y);
  const std::vector<double> product = expected(x, 2, w, Product::Backward, 1.0f);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 16; ++j) want[i * 20 + 4 + j] += product[i * 16 + j];
  }
  launch(this->cpu_,
         Matmul<T, T>{.x = x.in(), .w = &packed, .y = y.out(), .write = Write::Add, .x_column = 2, .y_column = 4});
  expect_near(to_double(y), want, kTolerance<T>, "sliced");
}

// Adapters of three linears, B on the diagonal: zero blocks are passed over, and again when other values are packed.
TYPED_TEST(MatmulTest, BlocksOfZerosChangeNothing) {
  using T = TypeParam;
  Rng rng(17);
  for (const std::int64_t rank : {5, 16, 32}) {
    const std::int64_t widths[] = {70, 16, 33};
    Buffer<float> w({70 + 16 + 33 + 40, 3 * rank});  // the last 40 rows have no adapter
    w.zero();
    PackedMatrix forward(kComputeOf<T>, w.in(), Product::Forward), backward(kComputeOf<T>, w.in(), Product::Backward);
    for (const bool is_filled : {false, true}) {
      std::int64_t row = 0;
      for (std::int64_t j = 0; is_filled && j < 3; row += widths[j++]) {
        for (std::int64_t i = 0; i < widths[j] * rank; ++i)
          w[(row + i / rank) * 3 * rank + j * rank + i % rank] = static_cast<float>(rng.normal());
      }
      forward.repack(w.in());
      backward.repack(w.in());
      for (const PackedMatrix* packed : {&forward, &backward}) {
        const Buffer<T> x = random_buffer<T>({21, packed->reads()}, rng);
        Buffer<T> y = poisoned<T>({21, packed->writes()});
        launch(this->cpu_, Matmul<T, T>{.x = x.in(), .w = packed, .y = y.out()});
        expect_near(to_double(y), expected(x, 0, w, packed->product(), 1.0f), kTolerance<T>, "diagonal blocks");
      }
    }
  }
}

TYPED_TEST(MatmulTest, ARowOfAThinProductDependsOnItselfAlone) {
  using T = TypeParam;
  Rng rng(18);
  for (const auto& [out, in] : {std::pair<std::int64_t, std::int64_t>{48, 144}, {144, 48}}) {
    const Buffer<float> w = random_buffer<float>({out, in}, rng);
    const PackedMatrix packed(kComputeOf<T>, w.in(), Product::Forward);
    const Buffer<T> x = random_buffer<T>({29, in}, rng);
    const Buffer<T> together = product_with(x, packed);
    for (std::int64_t i = 0; i < 29; ++i) {
      Buffer<T> row({1, in});
      std::copy_n(x.data() + i * in, in, row.data());
      const Buffer<T> alone = product_with(row, packed);
      for (std::int64_t j = 0; j < out; ++j) ASSERT_EQ(to_float(alone[j]), to_float(together[i * out + j]));
    }
  }
}

TYPED_TEST(MatmulTest, WeightGradientAddsScaledOuterProducts) {
  using T = TypeParam;
  Rng rng(14);
  for (const auto& [m, out, in] : {std::array<std::int64_t, 3>{1, 40, 24},
                                   {17, 40, 24},
                                   {130, 40, 24},
                                   {600, 64, 96},
                                   {33, 96, 70},
                                   {301, 16, 100},
                                   {301, 100, 16},
                                   {520, 48, 576},
                                   {257, 130, 5},
                                   {64, 24, 33},
                                   {70, 224, 200},
                                   {600, 200, 230},
                                   {40, 3200, 64}}) {
    const std::int64_t dy_width = out + 21, x_width = in + 6;
    const Buffer<T> dy = random_buffer<T>({m, dy_width}, rng), x = random_buffer<T>({m, x_width}, rng);
    Buffer<float> dw = random_buffer<float>({out, in}, rng);
    std::vector<double> want = to_double(dw);
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t i = 0; i < in; ++i) {
        double sum = 0;
        for (std::int64_t r = 0; r < m; ++r)
          sum += static_cast<double>(to_float(dy[r * dy_width + 21 + o])) * to_float(x[r * x_width + 3 + i]);
        want[static_cast<std::size_t>(o * in + i)] += 0.25 * sum;
      }
    }
    launch(this->cpu_, MatmulWeightGrad<T>{
                           .dy = dy.in(), .x = x.in(), .dw = dw.acc(), .scale = 0.25f, .dy_column = 21, .x_column = 3});
    expect_near(to_double(dw), want, 2e-5, "weight gradient");
  }
}

TYPED_TEST(MatmulTest, WeightGradientReplacesWhatStoodThereIfAsked) {
  using T = TypeParam;
  Rng rng(16);
  for (const std::int64_t m : {20, 700}) {  // one slice of rows and two
    const Buffer<T> dy = random_buffer<T>({m, 64}, rng), x = random_buffer<T>({m, 96}, rng);
    Buffer<float> added({64, 96}), replaced = random_buffer<float>({64, 96}, rng);
    launch(this->cpu_, MatmulWeightGrad<T>{.dy = dy.in(), .x = x.in(), .dw = added.acc()});
    launch(this->cpu_, MatmulWeightGrad<T>{.dy = dy.in(), .x = x.in(), .dw = replaced.acc(), .write = Write::Replace});
    expect_near(to_double(replaced), to_double(added), 1e-6, "replaced weight gradient");
  }
}

TEST(Matmul, RefusesShapesThatDoNotFit) {
  Rng rng(15);
  const Buffer<float> w = random_buffer<float>({8, 4}, rng), x = random_buffer<float>({2, 5}, rng);
  const PackedMatrix packed(Compute::F32, w.in(), Product::Forward);
  Buffer<float> y({2, 8});
  Cpu cpu;
  EXPECT_THROW(launch(cpu, Matmul<float, float>{.x = x.in(), .w = &packed, .y = y.out(), .x_column = 2}), Error);
  EXPECT_THROW(launch(cpu, Matmul<float, float>{.x = x.in(), .w = nullptr, .y = y.out()}), Error);
}

}  // namespace
}  // namespace faqsmith
