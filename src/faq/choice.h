// Which of the answers that a model considered a bot gives. The model proposes (its likeliest openings, finished by
// itself), search over the trained facts has a say: an answer that tells a fact which the question's words point to
// needs less of the model's own preference. The text is always the model's own; search writes nothing.
// Measured on the Debian FAQ's hand-written questions: docs/decisions/0006.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "faq/metrics.h"
#include "faq/retrieval.h"

namespace faqsmith {

struct ConsideredAnswer {
  std::string text;
  double opening_log_probability = 0;  // natural logarithm
};

class AnswerChooser {
 public:
  // index: over these facts, the trained ones; it must outlive this object.
  AnswerChooser(const FactIndex& index, const std::vector<FactRow>& facts);

  // The place of the answer to give, 0 if there is nothing to choose between. answers: the greedy one first. A model
  // whose greedy answer is a refusal refuses: search finds something for any question.
  [[nodiscard]] std::size_t choose(std::string_view question, const std::vector<ConsideredAnswer>& answers) const;

 private:
  const FactIndex& index_;
  ReferencePool facts_;  // by id
};

}  // namespace faqsmith
