// Attention against softmax attention in double, and its gradient against central differences of it.
#include "ops/attention.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

template <class T>
class AttentionTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(AttentionTest, Types);

// One sequence and head of rows [begin, end): writes out, returns nothing else.
void reference_head(const std::vector<double>& qkv, const Heads& h, std::int64_t head, std::int64_t begin,
                    std::int64_t end, std::vector<double>& out) {
  const std::int64_t width = h.qkv_width(), dim = h.head_dim, kv = head / (h.n_heads / h.n_kv_heads);
  const auto at = [&](std::int64_t row, std::int64_t column) {
    return qkv[static_cast<std::size_t>(row * width + column)];
  };
  for (std::int64_t i = begin; i < end; ++i) {
    std::vector<double> p;
    double sum = 0;
    const std::int64_t first = h.window > 0 ? std::max(begin, i - h.window + 1) : begin;
    for (std::int64_t j = first; j <= i; ++j) {
      double score = 0;
      for (std::int64_t d = 0; d < dim; ++d) score += at(i, head * dim + d) * at(j, h.q_width() + kv * dim + d);
      p.push_back(std::exp(score / std::sqrt(static_cast<double>(dim))));
      sum += p.back();
    }
    for (std::int64_t d = 0; d < dim; ++d) {
      double value = 0;
      for (std::int64_t j = first; j <= i; ++j) {
        value += p[static_cast<std::size_t>(j - first)] / sum * at(j, h.q_width() + h.kv_width() + kv * dim + d);
      }
      out[static_cast<std::size_t>(i * h.q_width() + head * dim + d)] = value;
    }
  }
}

std::vector<double> reference(const std::vector<double>& qkv, const Heads& h, const std::vector<std::int32_t>& cu) {
  std::vector<double> out(static_cast<std::size_t>(cu.back() * h.q_width()));
  for (std::size_t s = 0; s + 1 < cu.size(); ++s) {
    for (std::int64_t head = 0; head < h.n_heads; ++head) reference_head(qkv, h, head, cu[s], cu[s + 1], out);
  }
  return out;
}

In<std::int32_t> view(const std::vector<std::int32_t>& cu) {
  return {cu.data(), {static_cast<std::int64_t>(cu.size())}};
}

TYPED_TEST(AttentionTest, EqualsTheFormulaForPackedSequencesOfAnyLength) {
  using T = TypeParam;
  Rng rng(91);
  Cpu cpu;
  for (const Heads heads : {Heads{9, 3, 64}, Heads{2, 2, 10}, Heads{4, 1, 32}, Heads{2, 1, 96}, Heads{2, 1, 32, 1},
                            Heads{4, 2, 64, 5}, Heads{2, 1, 32, 40}, Heads{3, 3, 16, 129}}) {
    const std::vector<std::int32_t> cu = {0, 1, 1, 38, 71, 200};
    const Buffer<T> qkv = random_buffer<T>({200, heads.qkv_width()}, rng);
    Buffer<T> out = poisoned<T>({200, heads.q_width()});
    Buffer<float> lse = poisoned<float>({200, heads.n_heads});
    launch(cpu,
           Attention<T>{.qkv = qkv.in(), .cu_seqlens = view(cu), .heads = heads, .out = out.out(), .lse = lse.out()});
    expect_near(to_double(out), reference(to_double(qkv), heads, cu), kTolerance<T>, "out");
    double score = 0;  // the first row sees itself only: its log-sum-exp is its score
    for (std::int64_t d = 0; d < heads.head_dim; ++d)
      score += static_cast<double>(to_float(qkv[d])) * to_float(qkv[heads.q_width() + d]);
    EXPECT_NEAR(lse[0], score / std::sqrt(static_cast<double>(heads.head_dim)), 1e-2);
  }
}

TYPED_TEST(AttentionTest, GradientEqualsFiniteDifferences) {
  using T = TypeParam;
  Rng rng(92);
  Cpu cpu;
  for (const Heads heads : {Heads{4, 2, 32}, Heads{2, 1, 6}, Heads{4, 2, 32, 4}, Heads{2, 1, 6, 1}}) {
    const std::vector<std::int32_t> cu = {0, 3, 20, 21};
    const Buffer<T> qkv = random_buffer<T>({21, heads.qkv_width()}, rng),
                    d_out = random_buffer<T>({21, heads.q_width()}, rng);
    Buffer<T> out({21, heads.q_width()}), d_qkv = poisoned<T>({21, heads.qkv_width()});
    Buffer<float> lse({21, heads.n_heads});
    launch(cpu,
           Attention<T>{.qkv = qkv.in(), .cu_seqlens = view(cu), .heads = heads, .out = out.out(), .lse = lse.out()});
    launch(cpu, AttentionGrad<T>{.qkv = qkv.in(),
                                 .cu_seqlens = view(cu),
                                 .heads = heads,
                                 .out = out.in(),
                                 .lse = lse.in(),
                                 .d_out = d_out.in(),
                                 .d_qkv = d_qkv.out()});
    const std::vector<double> upstream = to_double(d_out);
    const auto loss = [&](const std::vector<double>& x) { return dot(reference(x, heads, cu), upstream); };
    expect_near(to_double(d_qkv), finite_differences(to_double(qkv), loss), kTolerance<T>, "d_qkv");
  }
}

TYPED_TEST(AttentionTest, GradientIsRightAcrossSeveralBlocksOfQueries) {
  using T = TypeParam;
  Rng rng(93);
  Cpu cpu;
  for (const Heads heads : {Heads{2, 1, 64}, Heads{2, 1, 64, 37}}) {
    const std::vector<std::int32_t> cu = {0, 105};
    Buffer<T> qkv = random_buffer<T>({105, heads.qkv_width()}, rng);
    const Buffer<T> d_out = random_buffer<T>({105, heads.q_width()}, rng);
    Buffer<T> out({105, heads.q_width()}), d_qkv = poisoned<T>({105, heads.qkv_width()});
    Buffer<float> lse({105, heads.n_heads});
    launch(cpu,
           Attention<T>{.qkv = qkv.in(), .cu_seqlens = view(cu), .heads = heads, .out = out.out(), .lse = lse.out()});
    launch(cpu, AttentionGrad<T>{.qkv = qkv.in(),
                                 .cu_seqlens = view(cu),
                                 .heads = heads,
                                 .out = out.in(),
                                 .lse = lse.in(),
                                 .d_out = d_out.in(),
                                 .d_qkv = d_qkv.out()});
    // Along random directions instead of every element: directional derivative = <gradient, direction>.
    const std::vector<double> x = to_double(qkv), gradient = to_double(d_qkv), upstream = to_double(d_out);
    for (int trial = 0; trial < 4; ++trial) {
      std::vector<double> direction(x.size()), up = x, down = x;
      double norm = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        direction[i] = rng.normal();
        up[i] += 1e-5 * direction[i];
        down[i] -= 1e-5 * direction[i];
        norm += gradient[i] * gradient[i];
      }
      const double want = (dot(reference(up, heads, cu), upstream) - dot(reference(down, heads, cu), upstream)) / 2e-5;
      EXPECT_NEAR(dot(gradient, direction), want, kTolerance<T> * std::sqrt(norm));
    }
  }
}

}  // namespace
}  // namespace faqsmith
