// What goes into a training run, in tokens, before its first step: nothing is cut or left out without being counted.
#pragma once
#include <string>
#include <vector>

#include "train/examples.h"
#include "train/options.h"

namespace faqsmith {

struct LengthReport {
  std::int64_t examples = 0, tokens = 0, labelled = 0, longest = 0;  // of the training set
  std::int64_t openings = 0;  // of the examples: those that end within their answer, on purpose (train.openings)
  std::int64_t left_out = 0;  // too long for max_length, and not among the examples
  std::int64_t max_length = 0;
  std::int64_t validation_examples = 0, validation_tokens = 0;
  // The first epoch as the loop will take it. computed_tokens: what is computed once for a pack counts once.
  std::int64_t steps = 0, packs = 0, capacity = 0, computed_tokens = 0, packed_tokens = 0;
  [[nodiscard]] double fill() const {  // share of the packs' room that is used
    return packs == 0 ? 0 : static_cast<double>(packed_tokens) / static_cast<double>(packs * capacity);
  }
};

[[nodiscard]] LengthReport measure_lengths(const TrainData& data, const TrainOptions& resolved);
[[nodiscard]] std::vector<std::string> length_lines(const LengthReport& report);  // for people

}  // namespace faqsmith
