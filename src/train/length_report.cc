// One pass over the examples and one over the packs of the first epoch.
#include "train/length_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "train/trainer_loop.h"

namespace faqsmith {
namespace {

std::string count(std::int64_t n) {
  return human_count(static_cast<double>(n));
}

void pack_first_epoch(const TrainData& data, const TrainOptions& resolved, LengthReport& report) {
  report.capacity = graph_limits(data, resolved).max_tokens;
  const PackOptions options = step_packs(resolved, report.capacity);
  DataOrder order(data.train, resolved.seed);
  const auto n = static_cast<std::int64_t>(data.train.size());
  for (DataOrder::Position at; at.epoch == 0 && at.index < n; at = order.position()) {
    ++report.steps;
    for (const Pack& pack : make_packs(order.next(resolved.rows_per_step, resolved.tokens_per_step), options)) {
      ++report.packs;
      report.computed_tokens += pack.n_tokens();
      report.packed_tokens += pack.n_sequence_tokens();
    }
  }
}

}  // namespace

LengthReport measure_lengths(const TrainData& data, const TrainOptions& resolved) {
  LengthReport report{.examples = static_cast<std::int64_t>(data.train.size()),
                      .tokens = count_tokens(data.train),
                      .labelled = count_labelled(data.train),
                      .left_out = static_cast<std::int64_t>(data.left_out.size()),
                      .max_length = resolved.max_length,
                      .validation_examples = static_cast<std::int64_t>(data.validation.size()),
                      .validation_tokens = count_tokens(data.validation)};
  for (const Example& example : data.train) {
    report.longest = std::max(report.longest, static_cast<std::int64_t>(example.ids.size()));
    if (example.n_answers == 0) ++report.openings;
  }
  pack_first_epoch(data, resolved, report);
  return report;
}

std::vector<std::string> length_lines(const LengthReport& r) {
  std::string examples =
      fmt::format("lengths: {} pairs of {} tokens, {} of them trained; the longest has {} of at most {}, none is cut",
                  r.examples, count(r.tokens), count(r.labelled), r.longest, r.max_length);
  if (r.openings > 0) examples += fmt::format(", {} train only the opening of their answer", r.openings);
  if (r.left_out > 0) examples += fmt::format(", {} left out as too long", r.left_out);
  std::string packs = fmt::format("an epoch: {} steps, {} packs of at most {} tokens, {:.0f}% full", r.steps, r.packs,
                                  r.capacity, 100 * r.fill());
  if (r.computed_tokens < r.packed_tokens)
    packs +=
        fmt::format("; {} tokens are computed, what pairs begin with in common once a pack", count(r.computed_tokens));
  if (r.validation_examples > 0)
    packs += fmt::format("; validation: {} pairs of {} tokens", r.validation_examples, count(r.validation_tokens));
  return {examples, packs};
}

}  // namespace faqsmith
