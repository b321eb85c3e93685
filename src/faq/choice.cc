// The model's preference in natural logarithms, search's in shares of its best score.
#include "faq/choice.h"

#include <map>

#include "faq/refusal.h"

namespace faqsmith {
namespace {

// What search's first fact is worth against one without a shared word, in the logarithm of the model's odds. Trials are
// flat from 8 to 15.
constexpr double kSearchWeight = 10;
constexpr int kSearchDepth = 50;

}  // namespace

AnswerChooser::AnswerChooser(const FactIndex& index, const std::vector<FactRow>& facts) : index_(index) {
  for (const FactRow& fact : facts) facts_.add(std::to_string(fact.id), fact.answer);
}

std::size_t AnswerChooser::choose(std::string_view question, const std::vector<ConsideredAnswer>& answers) const {
  if (answers.size() < 2 || is_refusal(answers.front().text)) return 0;
  std::map<std::string, double> share;  // by fact
  const std::vector<FactHit> hits = index_.search(question, kSearchDepth);
  for (const FactHit& hit : hits) share[std::to_string(hit.id)] = hit.score / hits.front().score;
  std::size_t best = 0;
  double best_value = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (is_refusal(answers[i].text)) continue;
    double value = answers[i].opening_log_probability;
    if (const auto fact = facts_.nearest(answers[i].text))
      if (const auto found = share.find(fact->key); found != share.end()) value += kSearchWeight * found->second;
    if (i > 0 && value <= best_value) continue;
    best = i;
    best_value = value;
  }
  return best;
}

}  // namespace faqsmith
