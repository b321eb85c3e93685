// One pair on its way through curation, and the passes that judge it. Pure functions over these rows; curate.cc reads
// and writes the database around them.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "faq/retrieval.h"
#include "stages/curate/curate.h"
#include "store/records.h"

namespace faqsmith {

struct Candidate {
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
void judge_by_rules(Candidate& candidate, const FactSource& source);
// For pairs without a fact (questions to refuse, imported rows): privacy and orders only.
void judge_free_pair(Candidate& candidate);

// search_rank of each candidate that is still in. index: over the facts, without any teacher wording.
void judge_by_search(std::vector<Candidate*>& candidates, const FactIndex& index);

// Of one fact's candidates, those worth measuring: distinct, best search rank first, at most `most`. The others that
// are too close to a chosen one fail as near_duplicate; those beyond the limit as not_among_best.
[[nodiscard]] std::vector<Candidate*> pick_for_scoring(std::vector<Candidate*> of_fact, const CurateOptions& options);

// How search and likelihood are combined. Measured on the shipped probes with the default model: search alone passes
// 76% of good wordings and catches 37% of bad ones, likelihood at 0.5 passes 88% and catches 90%. A wording that search
// finds first needs half of the likelihood; without a measured likelihood search decides.
[[nodiscard]] bool is_understood(bool found_first, std::optional<double> gain_share, double min_gain_share);

// The pass that applies it.
// anchor: the gain of the fact's original question, or of its best wordings if it has none.
void judge_understanding(const std::vector<Candidate*>& of_fact, double anchor, const CurateOptions& options);

// Keeps the best keep_per_fact of the teacher's, trading quality against likeness to those already kept.
void keep_best(const std::vector<Candidate*>& of_fact, const CurateOptions& options);

// The same question for two facts: the fact that search prefers keeps it.
void settle_between_facts(std::vector<Candidate>& candidates);

// Nearly a question of the gold set: out.
void decontaminate(std::vector<Candidate>& candidates, const std::vector<std::string>& gold_questions);

}  // namespace faqsmith
