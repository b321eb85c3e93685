// The layerwise pass against float64 loops, and greedy text against one token at a time.
#include "infer/layerwise.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>

#include "infer/naive_llama.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

LlamaConfig config(bool bias, std::int64_t window) {
  return {.hidden_size = 32,
          .intermediate_size = 48,
          .n_layers = 3,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 8,
          .vocab_size = 97,
          .max_positions = 64,
          .tied_embeddings = false,
          .attention_bias = bias,
          .mlp_bias = bias,
          .sliding_window = window};
}

Weights lively_weights(const LlamaConfig& config) {
  Weights weights = random_weights(config, 3);
  for_each_tensor(weights, [](const std::string& name, Buffer<float>& tensor) {
    if (name.ends_with("norm.weight")) return;
    for (std::int64_t i = 0; i < tensor.size(); ++i) tensor[i] *= 8;
  });
  return weights;
}

const std::vector<TokenId> kFirst = {5, 17, 80, 2, 2, 41}, kSecond = {96, 0, 33};

TEST(Layerwise, GivesTheLogitsOfTheModel) {
  {
    const Weights weights = lively_weights(config(false, 0));
    const LayerwiseResult result = run_layerwise(WeightsSource(weights), {{kFirst, 2}, {kSecond, 0}});
    const NaiveLlama naive(weights);
    const auto first = naive.logits(kFirst), second = naive.logits(kSecond);
    ASSERT_EQ(result.states.size(), 4u);
    ASSERT_EQ(result.next[0].size(), 4u);
    ASSERT_EQ(result.next[1].size(), 3u);
    for (std::size_t v = 0; v < 97; ++v) {
      EXPECT_NEAR(result.logits[static_cast<std::int64_t>(v)], first[2][v], 1e-3);
      EXPECT_NEAR(result.logits[static_cast<std::int64_t>(97 + v)], second[0][v], 1e-3);
    }
    for (std::size_t i = 2; i < kFirst.size(); ++i) {
      const auto& row = first[i];
      const NextPrediction& next = result.next[0][i - 2];
      EXPECT_EQ(next.likeliest, std::max_element(row.begin(), row.end()) - row.begin());
      double sum = 0;
      for (const double logit : row) sum += std::exp(logit);
      const double following = i + 1 < kFirst.size() ? row[static_cast<std::size_t>(kFirst[i + 1])] - std::log(sum) : 0;
      EXPECT_NEAR(next.log_probability, following, 1e-3);
      std::vector<double> sorted = row;
      std::sort(sorted.rbegin(), sorted.rend());
      EXPECT_NEAR(next.likeliest_logit, sorted[0], 1e-3);
      EXPECT_NEAR(next.second_logit, sorted[1], 1e-3);
    }
  }
}

TEST(Layerwise, AChangedLayerShowsInTheStatesFromThereOn) {
  const Weights weights = lively_weights(config(false, 0));
  Weights changed = lively_weights(config(false, 0));
  changed.layers[1].at(Linear::Up)[40] += 1;
  const auto a = run_layerwise(WeightsSource(weights), {{kFirst, 5}});
  const auto b = run_layerwise(WeightsSource(changed), {{kFirst, 5}});
  const auto same = [&](std::size_t k) {
    return std::equal(a.states[k].data(), a.states[k].data() + a.states[k].size(), b.states[k].data());
  };
  EXPECT_TRUE(same(0) && same(1));
  EXPECT_FALSE(same(2) || same(3));
}

GreedyTexts greedy(const Weights& weights, const std::vector<std::vector<TokenId>>& prompts,
                   std::vector<std::vector<TokenId>> drafts, int n_tokens, const std::vector<TokenId>& ends = {}) {
  return continue_greedily(WeightsSource(weights), prompts, std::move(drafts), n_tokens, ends, testing::TempDir());
}

TEST(Layerwise, GreedyTextIsThatOfWholePasses) {
  for (const std::int64_t window : {0, 4}) {
    const Weights weights = lively_weights(config(true, window));
    const auto text = greedy(weights, {kFirst, kSecond}, {}, 40).tokens;  // over three pages
    for (std::size_t p = 0; p < 2; ++p) {
      LayerwiseJob whole{p == 0 ? kFirst : kSecond, 0};
      whole.first = static_cast<std::int64_t>(whole.ids.size()) - 1;
      whole.ids.insert(whole.ids.end(), text[p].begin(), text[p].end());
      const auto next = run_layerwise(WeightsSource(weights), {whole}).next[0];
      for (std::size_t i = 0; i < text[p].size(); ++i) EXPECT_EQ(next[i].likeliest, text[p][i]) << p << " " << i;
    }
  }
}

TEST(Layerwise, DraftsSavePassesAndChangeNoToken) {
  const Weights weights = lively_weights(config(false, 4));
  const GreedyTexts slow = greedy(weights, {kFirst, kSecond}, {}, 12);
  EXPECT_EQ(slow.n_passes, 12);
  ASSERT_EQ(slow.tokens[0].size(), 12u);
  const GreedyTexts right = greedy(weights, {kFirst, kSecond}, slow.tokens, 12);
  EXPECT_EQ(right.n_passes, 1);
  EXPECT_EQ(right.tokens, slow.tokens);
  auto drafts = slow.tokens;
  drafts[0][5] = (drafts[0][5] + 1) % 97;
  const GreedyTexts wrong = greedy(weights, {kFirst, kSecond}, drafts, 12);
  EXPECT_EQ(wrong.tokens, slow.tokens);
  EXPECT_EQ(wrong.n_passes, 2);
  const TokenId end = slow.tokens[1][3];
  const auto stopped = greedy(weights, {kSecond}, {}, 12, {end}).tokens[0];
  EXPECT_EQ(stopped.back(), end);
  EXPECT_LE(stopped.size(), 4u);
}

// One that a user interrupts while a tensor is read; how many more are read then is the exit code, 100 more if the pass
// went on to its end.
class InterruptedAt final : public TensorSource {
 public:
  InterruptedAt(const Weights& weights, int at) : source_(weights), at_(at) {}
  [[nodiscard]] const LlamaConfig& config() const override { return source_.config(); }
  void read_rows(const ModelTensor& tensor, std::int64_t first, std::int64_t n, float* out) const override {
    if (++n_reads_ == at_) std::raise(SIGTERM);
    source_.read_rows(tensor, first, n, out);
  }
  [[nodiscard]] int n_reads_after() const { return n_reads_ - at_; }

 private:
  WeightsSource source_;
  int at_;
  mutable int n_reads_ = 0;
};

TEST(Layerwise, StopsSoonAfterAnInterrupt) {
  const Weights weights = lively_weights(config(false, 0));
  const auto interrupt = [&](int at) {
    install_interrupt_handlers();
    const InterruptedAt source(weights, at);
    int code = 100;
    try {
      (void)run_layerwise(source, {{kFirst, 2}});
    } catch (const Interrupted&) {
      code = 0;
    }
    std::exit(code + source.n_reads_after());
  };
  // Started anew: a forked process has none of the threads that the loops wait for.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int at : {1, 8, 15}) {
    EXPECT_EXIT(
        interrupt(at), [](int status) { return WIFEXITED(status) && WEXITSTATUS(status) <= 9; }, "")
        << at;
  }
}

}  // namespace
}  // namespace faqsmith
