// Candidates are checked against the grammar one by one; a full mask is the fallback when several in a row are refused.
#include "infer/sampler.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

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
  check(options.min_p >= 0 && options.min_p <= 1, "min_p", options.min_p, "0 (off) to 1");
  check(options.repetition_penalty > 0 && options.repetition_penalty <= 100, "repetition_penalty",
        options.repetition_penalty, "above 0 and at most 100");
  std::set<TokenId> biased;
  for (const LogitBias& entry : options.logit_bias) {
    check(std::abs(entry.bias) <= kMaxLogitBias, "logit_bias", entry.bias, "-100 to 100");
    if (!biased.insert(entry.id).second)
      throw Error(Kind::User, fmt::format("logit_bias names token {} twice", entry.id), "give one bias a token");
  }
}

Sampler::Sampler(const SamplerOptions& options, TokenId vocab_size) : options_(options), rng_(options.seed) {
  validate(options);
  for (const LogitBias& entry : options_.logit_bias) {
    if (entry.id < 0 || entry.id >= vocab_size) {
      throw Error(Kind::User,
                  fmt::format("logit_bias names token {}, the vocabulary has 0 to {}", entry.id, vocab_size - 1),
                  "use ids of this model's tokenizer");
    }
  }
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
  const bool alters = !seen_list_.empty() || !options_.logit_bias.empty();
  const bool changes = constraint || alters;
  if (changes) plain_.assign(logits.begin(), logits.end());
  for (const LogitBias& entry : options_.logit_bias)
    logits[static_cast<std::size_t>(entry.id)] += static_cast<float>(entry.bias);
  for (TokenId id : seen_list_) penalise(logits[static_cast<std::size_t>(id)]);
  if (alters) blocks_.reset(logits);

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
  const auto once = [&] { return options_.temperature == 0 ? pick_best(constraint) : pick_at_random(constraint); };
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

TokenId Sampler::pick_at_random(TokenConstraint* constraint) {
  float cut = -std::numeric_limits<float>::infinity();
  if (options_.top_k > 0) cut = blocks_.cut_of_top_k(static_cast<std::size_t>(options_.top_k));
  if (options_.top_p < 1) cut = blocks_.cut_of_top_p(options_.top_p, options_.temperature, cut);
  if (options_.min_p > 0) cut = std::max(cut, blocks_.cut_of_min_p(options_.min_p, options_.temperature));
  blocks_.prepare_draw(options_.temperature, cut);
  for (int i = 0; i < kTries; ++i) {
    const TokenId id = blocks_.draw(rng_);
    if (id < 0 || !constraint || constraint->accepts(id)) return id;
    blocks_.exclude_from_draw(id);
  }
  return -1;
}

}  // namespace faqsmith
