// The model's preference in natural logarithms, search's in BM25: a question of few telling words moves little.
#include "faq/choice.h"

#include <map>

#include "faq/refusal.h"

namespace faqsmith {
namespace {

constexpr double kSearchWeight = 0.7;  // from 0.5 to 1.5 trials move by at most 0.025
constexpr int kSearchDepth = 50;

std::vector<IndexedFact> own_words(const std::vector<FactRow>& facts, const std::vector<PairRow>& pairs,
                                   const std::function<std::string(const FactRow&)>& headings_of) {
  std::map<RowId, std::string> questions;
  for (const PairRow& pair : pairs)
    if (pair.fact_id && (pair.form == "original" || pair.form == "derived"))
      questions.emplace(*pair.fact_id, pair.question);
  std::vector<IndexedFact> out;
  for (const FactRow& fact : facts) {
    const auto own = questions.find(fact.id);
    const std::string& question = own == questions.end() ? fact.heading : own->second;
    out.push_back({fact.id, question + "\n" + headings_of(fact), fact.answer});
  }
  return out;
}

}  // namespace

AnswerChooser::AnswerChooser(Database& db, const std::vector<FactRow>& facts, const std::vector<PairRow>& pairs,
                             const std::function<std::string(const FactRow&)>& headings_of)
    : index_(db, own_words(facts, pairs, headings_of)) {
  for (const FactRow& fact : facts) facts_.add(std::to_string(fact.id), fact.answer);
}

std::size_t AnswerChooser::choose(std::string_view question, const std::vector<ConsideredAnswer>& answers) const {
  if (answers.size() < 2 || is_refusal(answers.front().text)) return 0;
  std::map<std::string, double> found;  // BM25 by fact
  for (const FactHit& hit : index_.search(question, kSearchDepth)) found[std::to_string(hit.id)] = hit.score;
  std::size_t best = 0;
  double best_value = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (is_refusal(answers[i].text)) continue;
    double value = answers[i].opening_log_probability;
    const auto fact = facts_.nearest(answers[i].text);
    if (fact && found.contains(fact->key)) value += kSearchWeight * found[fact->key];
    if (i > 0 && value <= best_value) continue;
    best = i;
    best_value = value;
  }
  return best;
}

}  // namespace faqsmith
