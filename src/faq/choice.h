// Which of the answers that a model considered a bot gives. The model proposes (its likeliest openings, finished by
// itself), search over the trained facts has a say: an answer that tells a fact which the question's words point to
// needs less of the model's own preference. The text is always the model's own; search writes nothing.
// Measured on the Debian FAQ's hand-written questions: docs/decisions/0006.
#pragma once
#include <cstddef>
#include <functional>
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
  // facts: the trained ones. pairs: any; a fact's own question is its first original or derived one. headings_of: the
  // headings above a fact, as search words. Keeps a reference to db.
  AnswerChooser(Database& db, const std::vector<FactRow>& facts, const std::vector<PairRow>& pairs,
                const std::function<std::string(const FactRow&)>& headings_of);

  // The place of the answer to give, 0 if there is nothing to choose between. answers: the greedy one first. A model
  // whose greedy answer is a refusal refuses: search finds something for any question.
  [[nodiscard]] std::size_t choose(std::string_view question, const std::vector<ConsideredAnswer>& answers) const;

 private:
  ReferencePool facts_;  // by id
  FactIndex index_;      // without the teacher's wordings: they are many, and would drown the facts' own words
};

}  // namespace faqsmith
