// RoPE scaling: what each kind does to slow and fast waves. The numbers of whole models are in the oracle tests.
#include "model/rope_scaling.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"

namespace faqsmith {
namespace {

LlamaConfig llama(RopeScaling scaling) {
  LlamaConfig config{.hidden_size = 4096,
                     .intermediate_size = 14336,
                     .n_layers = 2,
                     .n_heads = 32,
                     .n_kv_heads = 8,
                     .head_dim = 128,
                     .vocab_size = 1000,
                     .max_positions = 131072,
                     .rope_theta = 500000.0f};
  config.rope_scaling = std::move(scaling);
  return config;
}

const RopeScaling kLlama31 = {.kind = RopeScaling::Kind::Llama3,
                              .factor = 8,
                              .original_positions = 8192,
                              .low_freq_factor = 1,
                              .high_freq_factor = 4};

TEST(RopeScaling, Llama3KeepsFastWavesAndStretchesSlowOnes) {
  const std::vector<float> factors = rope_factors(llama(kLlama31));
  ASSERT_EQ(factors.size(), 64u);
  EXPECT_FLOAT_EQ(factors.front(), 1.0f);
  EXPECT_FLOAT_EQ(factors.back(), 8.0f);
  for (std::size_t i = 1; i < factors.size(); ++i) EXPECT_GE(factors[i], factors[i - 1]);
  // One wave in the blend, by the formula: 8192 positions turn it two and a half times at dimension 30.
  const double frequency = std::pow(500000.0, -60.0 / 128.0), turns = 8192.0 * frequency / (2.0 * M_PI);
  ASSERT_TRUE(turns > 1.0 && turns < 4.0) << turns;
  const double kept = (turns - 1.0) / 3.0;
  EXPECT_NEAR(factors[30], 1.0 / (kept + (1.0 - kept) / 8.0), 1e-5);
}

TEST(RopeScaling, TheFactorsOfAGgufFileGiveTheSameFrequencies) {
  const LlamaConfig published = llama(kLlama31);
  const LlamaConfig from_file = llama({.kind = RopeScaling::Kind::Factors, .factors = rope_factors(published)});
  const auto want = scaled_frequencies(published).frequencies, got = scaled_frequencies(from_file).frequencies;
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i] / want[i], 1.0, 1e-6);
}

TEST(RopeScaling, YarnScalesTheRotationToo) {
  const ScaledFrequencies yarn =
      scaled_frequencies(llama({.kind = RopeScaling::Kind::Yarn, .factor = 16, .original_positions = 8192}));
  EXPECT_NEAR(yarn.scale, 0.1 * std::log(16.0) + 1.0, 1e-12);
  const std::vector<double> plain = rope_frequencies(128, 500000.0);
  EXPECT_DOUBLE_EQ(yarn.frequencies.front(), plain.front());
  EXPECT_NEAR(yarn.frequencies.back(), plain.back() / 16.0, 1e-12);
}

TEST(RopeScaling, LinearDividesAndDynamicChangesNothingWithinTheTrainedContext) {
  const std::vector<double> plain = rope_frequencies(128, 500000.0);
  const auto linear = scaled_frequencies(llama({.kind = RopeScaling::Kind::Linear, .factor = 4})).frequencies;
  const auto dynamic = scaled_frequencies(llama({.kind = RopeScaling::Kind::Dynamic, .factor = 4})).frequencies;
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_DOUBLE_EQ(linear[i], plain[i] / 4.0);
  EXPECT_EQ(dynamic, plain);
}

TEST(RopeScaling, ImpossibleParametersAreRefusedByName) {
  const auto refusal = [](RopeScaling scaling) {
    try {
      validate(llama(std::move(scaling)), "m");
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  using Kind = RopeScaling::Kind;
  EXPECT_EQ(refusal(kLlama31), "accepted");
  EXPECT_THAT(refusal({.kind = Kind::Linear, .factor = 0}), testing::HasSubstr("factor is 0"));
  EXPECT_THAT(refusal({.kind = Kind::Linear, .factor = NAN}), testing::HasSubstr("factor is nan"));
  EXPECT_THAT(refusal({.kind = Kind::Yarn, .factor = 2}), testing::HasSubstr("original context"));
  EXPECT_THAT(refusal({.kind = Kind::Factors, .factors = {1, 2}}), testing::HasSubstr("2 RoPE factors"));
  RopeScaling equal = kLlama31;
  equal.high_freq_factor = 1;
  EXPECT_THAT(refusal(equal), testing::HasSubstr("frequency factors"));
}

}  // namespace
}  // namespace faqsmith
