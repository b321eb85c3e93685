// CachedAttention must equal Attention (tested against double) when the cache holds the same keys and values.
#include "ops/cached_attention.h"

#include "ops/op_test.h"

namespace faqsmith {
namespace {

using namespace op_test;

template <class T>
class CachedAttentionTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(CachedAttentionTest, Types);

// A cache of n sequences whose pages lie in one buffer, handed out in turn so that no sequence is contiguous.
template <class T>
struct Cache {
  Cache(std::int64_t n, std::int64_t pages_each, std::int64_t page_rows, std::int64_t width)
      : memory({2 * n * pages_each, page_rows, width}) {
    keys.resize(static_cast<std::size_t>(n));
    values.resize(static_cast<std::size_t>(n));
    for (std::int64_t p = 0; p < pages_each; ++p) {
      for (std::int64_t s = 0; s < n; ++s) {
        T* const at = memory.data() + (p * n + s) * 2 * page_rows * width;
        keys[static_cast<std::size_t>(s)].push_back(at);
        values[static_cast<std::size_t>(s)].push_back(at + page_rows * width);
      }
    }
    for (std::size_t s = 0; s < keys.size(); ++s) pages.push_back({keys[s], values[s]});
  }
  Buffer<T> memory;
  std::vector<std::vector<T*>> keys, values;
  std::vector<KvPages<T>> pages;
};

// Feeds the rows of the packed batch `step` at a time and gathers the outputs.
template <class T>
Buffer<T> fed_in_steps(const Buffer<T>& qkv, const Heads& heads, const std::vector<std::int32_t>& cu, std::int64_t step,
                       std::int64_t page_rows) {
  Cpu cpu;
  const auto n = static_cast<std::int64_t>(cu.size()) - 1;
  Cache<T> cache(n, 80 / page_rows + 1, page_rows, heads.kv_width());
  Buffer<T> result = poisoned<T>({qkv.shape()[0], heads.q_width()});
  for (std::int64_t at = 0; at < 80; at += step) {
    std::vector<CacheRow> rows;
    std::vector<std::int64_t> source;
    for (std::int64_t s = 0; s < n; ++s) {
      const std::int64_t length = cu[static_cast<std::size_t>(s + 1)] - cu[static_cast<std::size_t>(s)];
      for (std::int64_t i = at; i < std::min(at + step, length); ++i) {
        rows.push_back({static_cast<std::int32_t>(s), static_cast<std::int32_t>(i + 1)});
        source.push_back(cu[static_cast<std::size_t>(s)] + i);
      }
    }
    const auto m = static_cast<std::int64_t>(rows.size());
    Buffer<T> batch({m, heads.qkv_width()}), out = poisoned<T>({m, heads.q_width()});
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t c = 0; c < heads.qkv_width(); ++c)
        batch[i * heads.qkv_width() + c] = qkv[source[static_cast<std::size_t>(i)] * heads.qkv_width() + c];
    }
    launch(cpu, KvAppend<T>{
                    .qkv = batch.in(), .heads = heads, .rows = rows, .sequences = cache.pages, .page_rows = page_rows});
    launch(cpu, CachedAttention<T>{.qkv = batch.in(),
                                   .heads = heads,
                                   .rows = rows,
                                   .sequences = cache.pages,
                                   .page_rows = page_rows,
                                   .out = out.out()});
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t c = 0; c < heads.q_width(); ++c)
        result[source[static_cast<std::size_t>(i)] * heads.q_width() + c] = out[i * heads.q_width() + c];
    }
  }
  return result;
}

TYPED_TEST(CachedAttentionTest, TokenByTokenAndInPromptsEqualsWholeSequences) {
  using T = TypeParam;
  Rng rng(101);
  Cpu cpu;
  for (const Heads heads : {Heads{9, 3, 64}, Heads{2, 2, 10}, Heads{8, 1, 32}, Heads{9, 3, 64, 20}, Heads{2, 2, 10, 1},
                            Heads{8, 1, 32, 33}}) {
    const std::vector<std::int32_t> cu = {0, 77, 78, 110};
    const Buffer<T> qkv = random_buffer<T>({110, heads.qkv_width()}, rng);
    Buffer<T> want({110, heads.q_width()});
    launch(cpu, Attention<T>{.qkv = qkv.in(), .cu_seqlens = {cu.data(), {4}}, .heads = heads, .out = want.out()});
    for (const std::int64_t step : {1, 5, 80}) {
      for (const std::int64_t page_rows : {16, 96}) {
        expect_near(to_double(fed_in_steps(qkv, heads, cu, step, page_rows)), to_double(want), kTolerance<T>, "cached");
      }
    }
  }
}

TEST(CachedAttention, RefusesKeysBeyondThePages) {
  Cpu cpu;
  const Heads heads{1, 1, 4};
  Cache<float> cache(1, 1, 16, 4);
  const std::vector<CacheRow> rows = {{0, 17}};
  Buffer<float> qkv({1, 12});
  EXPECT_THROW(
      launch(cpu,
             KvAppend<float>{.qkv = qkv.in(), .heads = heads, .rows = rows, .sequences = cache.pages, .page_rows = 16}),
      Error);
}

}  // namespace
}  // namespace faqsmith
