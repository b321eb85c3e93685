// One row of logits with a maximum for each block of 64, so that the next best token, the top k and a draw from the
// whole distribution cost a fraction of a pass over the vocabulary. Excluding a token updates one block.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace faqsmith {

class LogitBlocks {
 public:
  static constexpr std::int64_t kBlock = 64;
  struct Candidate {
    std::int32_t id = 0;
    float logit = 0;
  };

  // Keeps the span: exclude() writes -inf into it. Reuse one object: it keeps its memory.
  void reset(std::span<float> logits);
  void exclude(std::int32_t id);

  [[nodiscard]] float maximum() const;
  // The largest logit; of equals the lowest id. id = -1 if every logit is excluded or NaN.
  [[nodiscard]] Candidate best() const;
  // The k largest, largest first, equals by id; excluded ones are left out, so there may be fewer.
  [[nodiscard]] std::vector<Candidate> top(std::size_t k) const;
  // log of the sum over all tokens of exp(logit / temperature), natural logarithm.
  [[nodiscard]] double log_sum_exp(double temperature) const;

  // The smallest logit that top-k keeps. Equals stay together.
  [[nodiscard]] float cut_of_top_k(std::size_t k) const;
  // Of the tokens at or above `cut`: the smallest logit that top-p keeps, the likeliest tokens whose probabilities
  // reach p together (Holtzman et al. 2020, arXiv 1904.09751). Equals stay together.
  [[nodiscard]] float cut_of_top_p(double p, double temperature, float cut) const;
  // The smallest logit whose probability is at least p times the largest's.
  [[nodiscard]] float cut_of_min_p(double p, double temperature) const;

  // Draws one token at or above `cut` with probability exp(logit / temperature) / sum. prepare_draw() once, then draw()
  // and exclude_from_draw() any number of times. Returns -1 if everything is excluded.
  void prepare_draw(double temperature, float cut);
  [[nodiscard]] std::int32_t draw(Rng& rng) const;
  void exclude_from_draw(std::int32_t id);

 private:
  [[nodiscard]] std::int64_t n_blocks() const { return static_cast<std::int64_t>(maxima_.size()); }
  [[nodiscard]] std::span<const float> block(std::int64_t b) const;
  [[nodiscard]] double block_sum(std::int64_t b, float inverse_temperature, float top, float cut) const;
  [[nodiscard]] double sum_above(float inverse_temperature, float top, float cut) const;

  std::span<float> logits_;
  std::vector<float> maxima_;  // [n_blocks]
  std::vector<double> sums_;   // [n_blocks], of the prepared draw
  float draw_maximum_ = 0, inverse_temperature_ = 1, cut_ = 0;
};

}  // namespace faqsmith
