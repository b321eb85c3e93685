// The passes of curation, in the order in which curate.cc calls them.
#include "stages/curate/judge.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/strings.h"
#include "faq/evidence.h"
#include "faq/pair_key.h"
#include "faq/privacy.h"
#include "faq/question_shape.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

constexpr int kSearchDepth = 10;
constexpr double kSearchBonus = 0.25;  // in units of gain share: search and likelihood agree rarely by chance
constexpr double kVariety = 0.5;       // how much likeness to a kept wording costs

bool is_teacher(const JudgedPair& candidate) {
  return is_from_teacher(candidate.pair.form);
}

// Wordings that may be wrong: a teacher's, and those made of statements.
bool is_doubtful(const JudgedPair& candidate) {
  return is_teacher(candidate) || candidate.pair.form == "derived";
}

double score_or(const JudgedPair& candidate, const char* name, double otherwise) {
  const auto found = candidate.scores.find(name);
  return found == candidate.scores.end() ? otherwise : found->second;
}

// Quality of a wording for ranking; without likelihood the search rank alone speaks.
double quality(const JudgedPair& candidate) {
  // More than the original gains is mostly the answer's own words, so it counts no further.
  const double share = std::clamp(score_or(candidate, score::kGainShare, 0.5), -0.5, 1.2);
  const double rank = score_or(candidate, score::kSearchRank, 0);
  return share + (rank == 1 ? kSearchBonus : 0.0);
}

// Questions that mean the same to a reader share (nearly) all telling words.
bool same_telling_words(const std::set<std::string>& a, const std::set<std::string>& b) {
  if (a.empty() || b.empty()) return false;
  const auto common = std::count_if(a.begin(), a.end(), [&b](const std::string& word) { return b.contains(word); });
  return static_cast<double>(common) >=
         0.8 * static_cast<double>(a.size() + b.size() - static_cast<std::size_t>(common));
}

// "This guide", "here": words that only a reader of the document can resolve.
bool points_away(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word == "this" || word == "here" || word == "these"; });
}

int form_rank(const JudgedPair& candidate) {
  if (candidate.pair.form == "original") return 0;
  return is_teacher(candidate) ? 2 : 1;
}

// True if a holds the question with more right than b.
bool stronger(const JudgedPair& a, const JudgedPair& b) {
  if (form_rank(a) != form_rank(b)) return form_rank(a) < form_rank(b);
  const double rank_a = score_or(a, score::kSearchRank, 0), rank_b = score_or(b, score::kSearchRank, 0);
  const double place_a = rank_a == 0 ? kSearchDepth + 1 : rank_a, place_b = rank_b == 0 ? kSearchDepth + 1 : rank_b;
  if (place_a != place_b) return place_a < place_b;
  if (quality(a) != quality(b)) return quality(a) > quality(b);
  return a.pair.id < b.pair.id;
}

bool made_by_rule(const PairRow& pair) {
  return pair.form == "rule" || pair.form == "keywords" || pair.form == "derived";
}

}  // namespace

bool strays(std::string_view question, std::string_view known) {
  constexpr double kLeastKnown = 0.6;
  const std::set<std::string> asked = stems_of(question), words = stems_of(known);
  const auto n =
      std::count_if(asked.begin(), asked.end(), [&words](const std::string& w) { return words.contains(w); });
  return static_cast<double>(n) < kLeastKnown * static_cast<double>(asked.size());
}

bool is_bare_label(std::string_view question, double search_rank) {
  constexpr std::array kTornOff = {"should", "must", "can", "may", "will", "by",
                                   "that",   "of",   "the", "is",  "are",  "to"};
  const std::vector<std::string> words = words_of(question);
  if (words.empty() || std::find(kTornOff.begin(), kTornOff.end(), words.back()) != kTornOff.end()) return true;
  if (points_away(words)) return true;
  if (words.size() > 6 && lower_ascii(question).ends_with("stand for")) return true;
  std::set<std::string> telling = stems_of(question);
  std::erase_if(telling, [](const std::string& word) { return word.size() < 3; });
  return telling.empty() || (telling.size() == 1 && (search_rank != 1 || telling.begin()->size() < 5));
}

bool asks_about_a_pronoun(std::string_view question) {
  const std::vector<std::string> words = words_of(question);
  return points_away(words) || std::find(words.begin(), words.end(), "it") != words.end();
}

void judge_by_rules(JudgedPair& candidate, const FactSource& source) {
  const PairRow& pair = candidate.pair;
  judge_free_pair(candidate);
  for (const std::string& fault : evidence_faults(pair.answer, source.fact.quote, source.section_text,
                                                  source.heading + "\n" + source.source_title + "\n[e-mail]"))
    candidate.fail(fault);
  if (!is_doubtful(candidate)) return;
  for (const std::string& fault : question_faults(pair.question, pair.answer, source.section_text))
    candidate.fail(fault);
  const std::string known =
      source.fact.heading + "\n" + source.heading + "\n" + source.source_title + "\n" + source.section_text;
  if (!invented_terms(pair.question, known).empty()) candidate.fail(gate::kInvented);
  if (source.fact.origin == "harvest") return;
  if (strays(pair.question, known)) candidate.fail(gate::kStrays);
  if (asks_about_a_pronoun(pair.question)) candidate.fail(gate::kBareLabel);
}

void judge_free_pair(JudgedPair& candidate) {
  const PairRow& pair = candidate.pair;
  std::map<std::string, int> found = redact(pair.question).found;
  found.merge(redact(pair.answer).found);
  // A user's own FAQ may name the address to write to; generated rows may not carry one out of a document.
  if (pair.form == "imported") found.erase("e_mail");
  if (!found.empty()) candidate.fail(gate::kPrivate);
  if (looks_like_injection(pair.question) || looks_like_injection(pair.answer)) candidate.fail(gate::kInjection);
}

bool has_garbled_word(std::string_view question, const std::set<std::string>& vocabulary,
                      const std::function<int(std::string_view)>& n_tokens) {
  const std::vector<std::string> words = words_of(question);
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    const bool plain =
        word.size() >= 5 && std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    // The word as it stands inside a sentence: most tokenizers keep the space before it.
    return plain && !vocabulary.contains(stem(word)) && n_tokens("a " + word) - n_tokens("a") >= 3;
  });
}

void judge_by_search(std::vector<JudgedPair*>& candidates, const FactIndex& index) {
  std::set<RowId> asked;  // facts with a question of the document's own
  for (const JudgedPair* candidate : candidates)
    if (candidate->pair.fact_id && candidate->pair.form == "original") asked.insert(*candidate->pair.fact_id);
  for (JudgedPair* candidate : candidates) {
    if (!candidate->in() || !candidate->pair.fact_id) continue;
    const std::vector<FactHit> hits = index.search(candidate->pair.question, kSearchDepth);
    double rank = 0;
    for (std::size_t i = 0; i < hits.size(); ++i)
      if (hits[i].id == *candidate->pair.fact_id) rank = static_cast<double>(i + 1);
    candidate->scores[score::kSearchRank] = rank;
    const bool asks_nothing_itself = !asked.contains(*candidate->pair.fact_id);
    if (asks_nothing_itself && made_by_rule(candidate->pair) && is_bare_label(candidate->pair.question, rank))
      candidate->fail(gate::kBareLabel);
  }
}

std::vector<JudgedPair*> pick_for_scoring(std::vector<JudgedPair*> of_fact, const CurateOptions& options) {
  std::erase_if(of_fact, [](const JudgedPair* candidate) { return !candidate->in() || !is_doubtful(*candidate); });
  const auto place = [](const JudgedPair* candidate) {
    const double rank = score_or(*candidate, score::kSearchRank, 0);
    return candidate->pair.form == "derived" ? -1 : rank == 0 ? 99 : rank;
  };
  std::stable_sort(of_fact.begin(), of_fact.end(),
                   [&place](const JudgedPair* a, const JudgedPair* b) { return place(a) < place(b); });
  const auto most = static_cast<std::size_t>(options.score_per_fact > 0 ? options.score_per_fact : 1000);
  std::vector<JudgedPair*> chosen;
  std::map<std::string, std::size_t> taken;  // by form: both kinds of teacher wordings get half of the places
  for (JudgedPair* candidate : of_fact) {
    const bool close = std::any_of(chosen.begin(), chosen.end(), [&](const JudgedPair* other) {
      return wording_overlap(candidate->pair.question, other->pair.question) >= options.distinct_below;
    });
    std::size_t& n = taken[candidate->pair.form];
    if (close) {
      candidate->fail(gate::kNearDuplicate);
    } else if (chosen.size() >= most || (is_teacher(*candidate) && n * 2 >= most + 1 && taken.size() > 1)) {
      candidate->fail(gate::kNotAmongBest);
    } else {
      chosen.push_back(candidate);
      ++n;
    }
  }
  return chosen;
}

double shared_words(std::string_view wording, std::string_view original) {
  const std::set<std::string> wanted = stems_of(original), words = stems_of(wording);
  if (wanted.empty()) return 0;
  const auto shared =
      std::count_if(wanted.begin(), wanted.end(), [&words](const std::string& word) { return words.contains(word); });
  return static_cast<double>(shared) / static_cast<double>(wanted.size());
}

double gain_share_of(double gain, double anchor) {
  if (anchor >= kTellingGain) return gain / anchor;
  return 1 + (gain - anchor) / kTellingGain;
}

bool is_understood(const Fit& fit, double min_gain_share) {
  const bool found_first = fit.search_rank == 1;
  if (!fit.gain_share) return found_first;
  if (!fit.telling_anchor) return *fit.gain_share >= 0 && (found_first || fit.shared_words >= 0.5);
  if (fit.search_rank == 0 && fit.shared_words < 0.5) return *fit.gain_share >= 2 * min_gain_share;
  return *fit.gain_share >= (found_first ? min_gain_share / 2 : min_gain_share);
}

void judge_understanding(const std::vector<JudgedPair*>& of_fact, double anchor, std::string_view original,
                         const CurateOptions& options) {
  for (JudgedPair* candidate : of_fact) {
    if (!candidate->in()) continue;
    Fit fit;
    fit.search_rank = static_cast<int>(score_or(*candidate, score::kSearchRank, 0));
    if (candidate->scores.contains(score::kGain)) {
      fit.gain_share = candidate->scores[score::kGainShare] = gain_share_of(candidate->scores[score::kGain], anchor);
      fit.telling_anchor = anchor >= kTellingGain;
    }
    fit.shared_words = shared_words(candidate->pair.question, original);
    if (!is_understood(fit, options.min_gain_share)) candidate->fail(gate::kNotUnderstood);
  }
}

namespace {

// The wording that adds most: good, and unlike those already kept.
std::size_t best_addition(const std::vector<JudgedPair*>& left, const std::vector<JudgedPair*>& kept) {
  std::size_t best = 0;
  double best_value = -1e9;
  for (std::size_t i = 0; i < left.size(); ++i) {
    double overlap = 0;
    for (const JudgedPair* other : kept)
      overlap = std::max(overlap, wording_overlap(left[i]->pair.question, other->pair.question));
    left[i]->scores[score::kOverlap] = overlap;
    const double value = quality(*left[i]) - kVariety * overlap;
    if (value <= best_value) continue;
    best = i;
    best_value = value;
  }
  return best;
}

}  // namespace

void keep_best(const std::vector<JudgedPair*>& of_fact, const CurateOptions& options) {
  // Reworded and asked wordings take turns: ranked together, those asked of the answer win by repeating its words.
  std::map<std::string, std::vector<JudgedPair*>> left;
  for (JudgedPair* candidate : of_fact)
    if (candidate->in() && is_teacher(*candidate)) left[candidate->pair.form].push_back(candidate);
  std::vector<JudgedPair*> kept;
  const auto most = static_cast<std::size_t>(std::max(0, options.keep_per_fact));
  for (bool any = true; any && kept.size() < most;) {
    any = false;
    for (auto& [form, candidates] : left) {
      if (candidates.empty() || kept.size() >= most) continue;
      any = true;
      const std::size_t best = best_addition(candidates, kept);
      kept.push_back(candidates[best]);
      candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(best));
    }
  }
  for (auto& [form, candidates] : left)
    for (JudgedPair* candidate : candidates) candidate->fail(gate::kNotAmongBest);
}

void settle_between_facts(std::vector<JudgedPair>& candidates) {
  // Only questions with the same telling words can clash; the sorted words bring exact ones together, one word more or
  // less is found by also filing each question under its words without one of them.
  std::map<std::string, std::vector<std::size_t>> files;
  std::vector<std::set<std::string>> words(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!candidates[i].in() || !candidates[i].pair.fact_id) continue;
    words[i] = stems_of(candidates[i].pair.question);
    if (words[i].empty()) words[i].insert(lower_ascii(trim(candidates[i].pair.question)));
    const std::vector<std::string> list(words[i].begin(), words[i].end());
    files[join(list, " ")].push_back(i);
    if (list.size() < 4) continue;
    for (std::size_t skip = 0; skip < list.size(); ++skip) {
      std::string key;
      for (std::size_t k = 0; k < list.size(); ++k)
        if (k != skip) key += list[k] + ' ';
      files[key].push_back(i);
    }
  }
  for (const auto& [key, members] : files) {
    for (std::size_t a = 0; a < members.size(); ++a) {
      for (std::size_t b = a + 1; b < members.size() && candidates[members[a]].in(); ++b) {
        JudgedPair &x = candidates[members[a]], &y = candidates[members[b]];
        if (!y.in() || x.pair.fact_id == y.pair.fact_id || !same_telling_words(words[members[a]], words[members[b]]))
          continue;
        (stronger(x, y) ? y : x).fail(gate::kOtherFact);
      }
    }
  }
}

void decontaminate(std::vector<JudgedPair>& candidates, const std::vector<std::string>& gold_questions) {
  if (gold_questions.empty()) return;
  std::vector<std::set<std::string>> gold_words;
  for (const std::string& question : gold_questions) gold_words.push_back(stems_of(question));
  for (JudgedPair& candidate : candidates) {
    if (!candidate.in() || candidate.pair.part == "gold") continue;
    const std::set<std::string> words = stems_of(candidate.pair.question);
    for (std::size_t i = 0; i < gold_questions.size(); ++i) {
      if (same_telling_words(words, gold_words[i]) ||
          wording_overlap(candidate.pair.question, gold_questions[i]) >= 0.8) {
        candidate.fail(gate::kHeldOut);
        break;
      }
    }
  }
}

}  // namespace faqsmith
