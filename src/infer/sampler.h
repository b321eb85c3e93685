// From one row of logits to the next token. Each request has its own sampler and random stream, so a reply does not
// depend on what else is in the batch.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "infer/constraint.h"
#include "infer/logit_blocks.h"

namespace faqsmith {

struct LogitBias {
  TokenId id = -1;
  double bias = 0;  // added to the token's logit; -100 in practice forbids a token, 100 forces it
};
inline constexpr double kMaxLogitBias = 100;

struct SamplerOptions {
  double temperature = 0.0;         // 0 = greedy
  int top_k = 0;                    // 0 = off
  double top_p = 1.0;               // 1 = off
  double min_p = 0.0;               // Nguyen et al. 2024, arXiv 2407.01082; 0 = off
  double repetition_penalty = 1.0;  // Keskar et al. 2019 (CTRL), over prompt and reply; 1 = off
  std::uint64_t seed = 0;
  std::vector<LogitBias> logit_bias = {};  // at most one a token
};

// Throws Error(User) naming the field: NaN, negative temperature, top_p outside (0, 1], min_p outside [0, 1],
// penalty <= 0, a bias outside [-kMaxLogitBias, kMaxLogitBias], a token that has two.
void validate(const SamplerOptions& options);

struct SampledToken {
  TokenId id = -1;
  double log_probability = 0;  // under the model itself: before bias, penalty, temperature, cuts and grammar
};

class Sampler {
 public:
  Sampler(const SamplerOptions& options, TokenId vocab_size);  // throws as validate(), and for a bias on no token

  void observe(TokenId id);  // a token of the prompt: the repetition penalty knows it

  // Order: bias, penalty, temperature, top-k, top-p, min-p, draw: transformers' order (llama.cpp's temperature comes
  // last by default). Min-p keeps p >= min_p * p_max; that ratio does not change when other tokens are cut, so only its
  // place after temperature matters. Equals stay together in each cut; greedy takes the lowest id of equals. With a
  // constraint, a drawn token that it refuses is taken out and another drawn, so the result has the distribution of the
  // masked logits. The row is used as scratch. The token is observed and the constraint told. Throws Error(Internal) if
  // no logit is finite.
  [[nodiscard]] SampledToken next(std::span<float> logits, TokenConstraint* constraint);

 private:
  TokenId pick(std::span<float> logits, TokenConstraint* constraint);
  TokenId pick_best(TokenConstraint* constraint);
  TokenId pick_at_random(TokenConstraint* constraint);
  void penalise(float& logit) const;

  SamplerOptions options_;
  Rng rng_;
  LogitBlocks blocks_;
  std::vector<bool> seen_;  // [vocab], only with a penalty
  std::vector<TokenId> seen_list_;
  std::vector<float> plain_;  // the row before any change
};

}  // namespace faqsmith
