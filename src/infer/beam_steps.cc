// Rows of logits to the likeliest tokens; the sequences live for one step.
#include "infer/beam_steps.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "sys/interrupt.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

// The n likeliest tokens of a row of logits, equal ones by id.
std::vector<NextToken> likeliest(std::span<const float> logits, std::size_t n) {
  const float max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x - max));
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  n = std::min(n, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n), ids.end(), [&](TokenId a, TokenId b) {
    const float left = logits[static_cast<std::size_t>(a)], right = logits[static_cast<std::size_t>(b)];
    return left != right ? left > right : a < b;
  });
  std::vector<NextToken> out;
  for (std::size_t i = 0; i < n; ++i) {
    const auto logit = static_cast<double>(logits[static_cast<std::size_t>(ids[i])] - max);
    out.push_back({ids[i], logit - std::log(sum)});
  }
  return out;
}

void prepare(const std::vector<TokenId>& prompt, Beam& beam) {
  beam.sequence = {.tokens = prompt, .n_prompt = prompt.size()};
  beam.sequence.tokens.insert(beam.sequence.tokens.end(), beam.text.tokens.begin(), beam.text.tokens.end());
  beam.sequence.n_total = beam.sequence.tokens.size();
  beam.sequence.first_logit = beam.sequence.n_total - 1;
}

}  // namespace

Beam extended(const Beam& beam, const NextToken& next, const Tokenizer& tokenizer) {
  Beam longer{.text = beam.text};
  longer.text.log_probability += next.log_probability;
  longer.text.log_probabilities.push_back(next.log_probability);
  longer.text.ended = tokenizer.is_control(next.id);
  if (!longer.text.ended) longer.text.tokens.push_back(next.id);
  return longer;
}

BeamSteps::BeamSteps(const Tokenizer& tokenizer, ForwardPass& forward, Scheduler& scheduler, int max_sequences,
                     int n_next)
    : tokenizer_(tokenizer),
      forward_(forward),
      scheduler_(scheduler),
      max_sequences_(static_cast<std::size_t>(max_sequences)),
      n_next_(static_cast<std::size_t>(n_next)) {}

std::string BeamSteps::obstacle(const std::vector<TokenId>& prompt, int length) const {
  if (prompt.empty()) return "the prompt is empty";
  const Sequence longest{.tokens = prompt, .n_total = prompt.size() + static_cast<std::size_t>(length)};
  return scheduler_.obstacle(longest);
}

void BeamSteps::compute(const std::vector<Place>& places) {
  for (const Place& place : places) prepare(*place.prompt, *place.beam);
  std::vector<Sequence*> running;
  for (std::size_t next = 0; next < places.size() || !running.empty();) {
    stop_if_interrupted();
    while (next < places.size() && running.size() < max_sequences_ && scheduler_.admit(places[next].beam->sequence))
      running.push_back(&places[next++].beam->sequence);
    require(!running.empty(), "an empty scheduler has room for any sequence without an obstacle");
    read_logits(scheduler_.step(running), places);
    std::erase_if(running, [&](Sequence* sequence) {
      if (sequence->n_cached < sequence->n_total) return false;
      scheduler_.finish(*sequence, Scheduler::Pages::Keep);
      return true;
    });
  }
}

void BeamSteps::read_logits(std::span<const Scheduler::LogitRow> rows, const std::vector<Place>& places) {
  const auto n_max = static_cast<std::size_t>(forward_.limits().max_logit_rows);
  for (std::size_t begin = 0; begin < rows.size(); begin += n_max) {
    const std::size_t n = std::min(n_max, rows.size() - begin);
    const Out<float> logits = forward_.logits(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(n));
    const auto width = static_cast<std::size_t>(logits.shape[1]);
    // Rows of the head beyond the tokenizer's vocabulary are padding.
    const auto vocabulary = std::min(width, static_cast<std::size_t>(tokenizer_.vocab_size()));
    parallel_each(static_cast<std::int64_t>(n), [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      const Sequence* const sequence = rows[begin + at].sequence;
      const auto owner = std::find_if(places.begin(), places.end(),
                                      [&](const Place& place) { return &place.beam->sequence == sequence; });
      owner->beam->next = likeliest({logits.data + at * width, vocabulary}, n_next_);
    });
  }
}

}  // namespace faqsmith
