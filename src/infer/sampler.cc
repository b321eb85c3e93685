// Candidates are checked against the grammar one by one; a full mask is the fallback when several in a row are refused.
#include "infer/sampler.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace faqsmith {
namespace {

constexpr int kTries = 12;  // refused candidates before the whole vocabulary is masked

}  // namespace

void validate(const SamplerOptions& options) {
  const auto check = [](bool holds, const char* field, double value, const char* range) {
    if (!holds)
      throw Error(Kind::User, fmt::format("{} is {}, it must be {}", field, value, range), "change the setting");
  };
  check(options.temperature >= 0 && options.temperature <= 100, "temperature", options.temperature, "0 to 100");
  check(options.top_k >= 0, "top_k", options.top_k, "0 (off) or more");
  check(options.top_p > 0 && options.top_p <= 1, "top_p", options.top_p, "above 0 and at most 1");
  check(options.repetition_penalty > 0 && options.repetition_penalty <= 100, "repetition_penalty",
        options.repetition_penalty, "above 0 and at most 100");
}

Sampler::Sampler(const SamplerOptions& options, TokenId vocab_size) : options_(options), rng_(options.seed) {
  validate(options);
  if (options_.repetition_penalty != 1.0) seen_.resize(static_cast<std::size_t>(vocab_size));
}

void Sampler::observe(TokenId id) {
  if (seen_.empty() || seen_[static_cast<std::size_t>(id)]) return;
  seen_[static_cast<std::size_t>(id)] = true;
  seen_list_.push_back(id);
}

void Sampler::penalise(float& logit) const {
  const auto penalty = static_cast<float>(options_.repetition_penalty);
  logit = logit > 0 ? logit / penalty : logit * penalty;
}

SampledToken Sampler::next(std::span<float> logits, TokenConstraint* constraint) {
  blocks_.reset(logits);
  const double total = blocks_.log_sum_exp(1.0);
  require(std::isfinite(total), "logits are finite");
  const bool changes = constraint || !seen_list_.empty();
  if (changes) plain_.assign(logits.begin(), logits.end());
  for (TokenId id : seen_list_) penalise(logits[static_cast<std::size_t>(id)]);
  if (!seen_list_.empty()) blocks_.reset(logits);

  SampledToken token;
  if (!constraint || !constraint->forced()) token.id = pick(logits, constraint);
  if (token.id < 0 && constraint) {
    if (!constraint->forced()) constraint->force_closing();
    token.id = *constraint->forced();
  }
  require(token.id >= 0, "a token can be chosen");
  const auto index = static_cast<std::size_t>(token.id);
  token.log_probability = static_cast<double>(changes ? plain_[index] : logits[index]) - total;
  observe(token.id);
  if (constraint) constraint->take(token.id);
  return token;
}

// -1 if the constraint refuses everything that is left.
TokenId Sampler::pick(std::span<float> logits, TokenConstraint* constraint) {
  const auto once = [&] {
    if (options_.temperature == 0) return pick_best(constraint);
    const bool cut = options_.top_k > 0 || options_.top_p < 1;
    return cut ? pick_from_top(constraint) : pick_from_all(constraint);
  };
  const TokenId id = once();
  if (id >= 0 || !constraint) return id;
  constraint->mask(logits);
  blocks_.reset(logits);
  return blocks_.maximum() == -std::numeric_limits<float>::infinity() ? -1 : once();
}

TokenId Sampler::pick_best(TokenConstraint* constraint) {
  for (int i = 0; i < kTries; ++i) {
    const TokenId id = blocks_.best().id;
    if (id < 0 || !constraint || constraint->accepts(id)) return id;
    blocks_.exclude(id);
  }
  return -1;
}

TokenId Sampler::pick_from_all(TokenConstraint* constraint) {
  blocks_.prepare_draw(options_.temperature);
  for (int i = 0; i < kTries; ++i) {
    const TokenId id = blocks_.draw(rng_);
    if (id < 0 || !constraint || constraint->accepts(id)) return id;
    blocks_.exclude_from_draw(id);
  }
  return -1;
}

// The tokens that top-k and then top-p leave, best first.
std::vector<LogitBlocks::Candidate> Sampler::nucleus() const {
  const auto limit =
      options_.top_k > 0 ? static_cast<std::size_t>(options_.top_k) : std::numeric_limits<std::size_t>::max();
  const auto probability_of = [&](float logit, double total) {
    return std::exp(static_cast<double>(logit) / options_.temperature - total);
  };
  if (options_.top_p >= 1) return blocks_.top(limit);
  double total = options_.top_k > 0 ? 0 : blocks_.log_sum_exp(options_.temperature);
  for (std::size_t k = options_.top_k > 0 ? limit : 64;; k = k < (std::size_t{1} << 40) ? k * 16 : limit) {
    auto candidates = blocks_.top(std::min(k, limit));
    if (candidates.empty()) return candidates;
    if (options_.top_k > 0) {
      double sum = 0;
      const double top = static_cast<double>(candidates[0].logit) / options_.temperature;
      for (const auto& c : candidates) sum += probability_of(c.logit, top);
      total = top + std::log(sum);
    }
    double mass = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      mass += probability_of(candidates[i].logit, total);
      if (mass < options_.top_p) continue;
      candidates.resize(i + 1);
      return candidates;
    }
    if (candidates.size() < k || k >= limit) return candidates;  // that was every token
  }
}

TokenId Sampler::pick_from_top(TokenConstraint* constraint) {
  auto candidates = nucleus();
  std::vector<double> weights;
  for (const auto& c : candidates) {
    weights.push_back(std::exp(static_cast<double>(c.logit - candidates[0].logit) / options_.temperature));
  }
  while (!candidates.empty()) {
    double sum = 0;
    for (double w : weights) sum += w;
    double left = rng_.uniform() * sum;
    std::size_t i = 0;
    while (i + 1 < candidates.size() && left >= weights[i]) left -= weights[i++];
    const TokenId id = candidates[i].id;
    if (!constraint || constraint->accepts(id)) return id;
    candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(i));
    weights.erase(weights.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return -1;
}

}  // namespace faqsmith
