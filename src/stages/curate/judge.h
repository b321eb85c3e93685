// One pair on its way through curation, and the passes that judge it. Pure functions over these rows; curate.cc reads
// and writes the database around them.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "faq/retrieval.h"
#include "stages/curate/curate.h"
#include "store/records.h"

namespace faqsmith {

struct JudgedPair {
  PairRow pair;
  std::vector<std::string> reasons;      // failed gates; empty = still in
  std::map<std::string, double> scores;  // written to pairs.scores
  [[nodiscard]] bool in() const { return reasons.empty(); }
  void fail(std::string_view gate) { reasons.emplace_back(gate); }
};

struct FactSource {
  FactRow fact;
  std::string section_text;
  std::string heading;       // heading path of the section
  std::string source_title;  // of the document: names there are known too
};

// Scores by name, as stored.
namespace score {
inline constexpr const char* kSearchRank =
    "search_rank";                                       // 1 = its own fact is found first, 0 = not among the first ten
inline constexpr const char* kGain = "gain";             // see likelihood.h
inline constexpr const char* kGainKey = "gain_key";      // which model and prompt measured it
inline constexpr const char* kGainShare = "gain_share";  // over the fact's anchor
inline constexpr const char* kOverlap = "overlap";       // ROUGE-L with the nearest kept wording of its fact
}  // namespace score

// Rules on one pair: shape, privacy, invented terms, evidence. Forms that stood in the document or are built by rule
// are spared the shape rules.
void judge_by_rules(JudgedPair& candidate, const FactSource& source);
// For pairs without a fact (questions to refuse, imported rows): privacy and orders only.
void judge_free_pair(JudgedPair& candidate);

// Three rules for facts whose document asks nothing itself: beside a question of its own, other words are wanted and
// the likelihood is measured against it. A teacher that was asked to question a text talks of something else. known:
// section, headings, title.
[[nodiscard]] bool strays(std::string_view question, std::string_view known);
// A question made by rule from a label that is none: it asks for many facts ("tell me about status", "step 1"), or is
// torn off ("what's in any output filter should").
[[nodiscard]] bool is_bare_label(std::string_view question, double search_rank);
// A teacher's question that only a reader of the document understands ("how to install it").
[[nodiscard]] bool asks_about_a_pronoun(std::string_view question);

// A longer word that the documents do not use and that the tokenizer has to cut into three or more pieces: small models
// make such words up ("langugae"). vocabulary: stems.
[[nodiscard]] bool has_garbled_word(std::string_view question, const std::set<std::string>& vocabulary,
                                    const std::function<int(std::string_view)>& n_tokens);

// search_rank of each candidate that is still in. index: over the facts, without any teacher wording.
void judge_by_search(std::vector<JudgedPair*>& candidates, const FactIndex& index);

// Of one fact's candidates, those worth measuring: distinct, best search rank first, at most `most`. The others that
// are too close to a chosen one fail as near_duplicate; those beyond the limit as not_among_best.
[[nodiscard]] std::vector<JudgedPair*> pick_for_scoring(std::vector<JudgedPair*> of_fact, const CurateOptions& options);

// What is known about how well a wording fits its fact.
struct Fit {
  int search_rank = 0;               // 1 = its own fact first, 0 = not among the first ten
  std::optional<double> gain_share;  // see gain_share_of; nullopt: not measured
  bool telling_anchor = true;        // the likelihood says something about this fact at all
  double shared_words = 0;           // share of the original question's telling words that it holds
};

// Share of the original's telling words that a wording holds; 0 if there is no original.
[[nodiscard]] double shared_words(std::string_view wording, std::string_view original);

// The gain of a wording in units of its fact's anchor (the original question's gain): 1 = as good as the original.
// Where the original gains less than kTellingGain the difference to it is what counts, in units of kTellingGain.
inline constexpr double kTellingGain = 5;  // natural logarithm
[[nodiscard]] double gain_share_of(double gain, double anchor);

// How the signals are combined. Measured on the shipped probes with the default model: search alone passes 76% of good
// wordings and catches 37% of bad ones, likelihood at 0.5 passes 91% and catches 87%, this rule 87% and 80%, and the
// rule keeps working for the fifth of facts whose own question does not make their answer likelier: there search or the
// original's words decide. A wording that search finds first needs half of the likelihood; one that it does not find
// needs twice as much.
[[nodiscard]] bool is_understood(const Fit& fit, double min_gain_share);

// The pass that applies it to one fact's doubtful candidates. anchor: the gain of the fact's original question, or of
// its best wordings if it has none. original: that question, may be empty.
void judge_understanding(const std::vector<JudgedPair*>& of_fact, double anchor, std::string_view original,
                         const CurateOptions& options);

// Keeps the best keep_per_fact of the teacher's, trading quality against likeness to those already kept.
void keep_best(const std::vector<JudgedPair*>& of_fact, const CurateOptions& options);

// The same question for two facts: the fact that search prefers keeps it.
void settle_between_facts(std::vector<JudgedPair>& candidates);

// Nearly a question of the gold set: out.
void decontaminate(std::vector<JudgedPair>& candidates, const std::vector<std::string>& gold_questions);

}  // namespace faqsmith
