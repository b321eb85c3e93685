// Training examples and the gates that run before step 1: each gate is a failure that would otherwise train silently
// wrong. Examples come rendered by text/chat_template.h; this folder never sees text.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace faqsmith {

struct Example {
  std::string name;           // shown in errors, e.g. "pair 17 \"How do I…\""
  std::vector<TokenId> ids;   // the whole conversation
  std::vector<bool> trained;  // same length: true on answer tokens, the end-of-turn token included
  std::vector<bool> asked;    // same length or empty: true on what the user typed (see TrainOptions::question_weight)
  int n_answers = 1;          // assistant turns in it
};

struct TrainData {
  std::vector<Example> train;
  std::vector<Example> validation;         // may be empty: then no early stopping and the last weights are the best
  std::vector<Example> held_out;           // test rows: only compared with train, never read otherwise
  std::vector<std::string> left_out = {};  // names and lengths of what leave_out_long took away
};

// Takes examples longer than max_length out of train and validation and notes them in left_out.
void leave_out_long(TrainData& data, std::int64_t max_length);

// Throws Error(Input) that names the first offender: no example, no labelled token, longer than max_length (it would be
// cut), a wrong number of trained end-of-turn tokens, an id outside the vocabulary, a train prompt that is also held
// out.
void check_data(const TrainData& data, std::int64_t max_length, TokenId end_of_turn, TokenId vocab_size);

[[nodiscard]] std::int64_t count_tokens(const std::vector<Example>& examples);
[[nodiscard]] std::int64_t count_labelled(const std::vector<Example>& examples);
// Identity of what is trained: ids and marks in order. Part of a checkpoint's fingerprint.
[[nodiscard]] std::string hash_examples(const std::vector<Example>& examples);

}  // namespace faqsmith
