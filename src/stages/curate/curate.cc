// Reads all pairs, lets the passes of judge.h run, measures likelihood in resumable batches, writes the verdicts.
#include "stages/curate/curate.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "faq/fact_finder.h"
#include "faq/pair_key.h"
#include "faq/retrieval.h"
#include "faq/unanswerable.h"
#include "faq/words.h"
#include "stages/curate/judge.h"
#include "stages/curate/likelihood.h"
#include "store/tables.h"
#include "sys/interrupt.h"
#include "text/minhash.h"

namespace faqsmith {
namespace {

constexpr int kSemantics = 4;
constexpr int kGainSemantics = 1;  // raised only when the measured likelihood itself changes
constexpr std::size_t kFactsPerBatch = 8;
constexpr double kSameFact = 0.8;  // Jaccard index of word triples

using ByFact = std::map<RowId, std::vector<JudgedPair*>>;

struct Material {
  std::vector<FactRow> facts;
  std::map<RowId, FactSource> sources;  // by fact id
  std::vector<JudgedPair> candidates;
  std::vector<std::string> gold_questions;
};

std::map<std::string, double> stored_scores(const std::string& json) {
  const auto parsed = try_parse_json(json);
  std::map<std::string, double> scores;
  if (!parsed.is_object()) return scores;
  // Only what costs a model call is worth keeping from an earlier run; everything else is computed afresh.
  for (const char* name : {score::kGain, score::kGainKey})
    if (parsed.contains(name) && parsed[name].is_number()) scores[name] = parsed[name].get<double>();
  return scores;
}

Material load(Database& db) {
  Material material;
  material.facts = list_facts(db);
  std::map<RowId, SectionRow> sections;
  for (SectionRow& section : list_sections(db)) sections[section.id] = std::move(section);
  std::map<RowId, std::string> titles;
  for (const SourceRow& source : list_sources(db)) titles[source.id] = source.title;
  for (const FactRow& fact : material.facts) {
    const SectionRow& section = sections[fact.section_id];
    material.sources[fact.id] = {fact, section.text, heading_text(section.heading_path), titles[section.source_id]};
  }
  for (PairRow& pair : list_pairs(db)) {
    if (pair.part == "gold") material.gold_questions.push_back(pair.question);
    JudgedPair candidate;
    candidate.scores = stored_scores(pair.scores);
    candidate.pair = std::move(pair);
    material.candidates.push_back(std::move(candidate));
  }
  return material;
}

std::string options_json(const CurateOptions& options, const ChatModel& judge) {
  nlohmann::ordered_json json;
  json["judge"] = judge.id();
  json["topic"] = options.topic;
  json["keep_per_fact"] = options.keep_per_fact;
  json["keep_per_statement"] = options.keep_per_statement;
  json["score_per_fact"] = options.score_per_fact;
  json["min_gain_share"] = options.min_gain_share;
  json["distinct_below"] = options.distinct_below;
  return json_text(json);
}

std::string input_hash(const Material& material) {
  Sha256 hash;
  for (const FactRow& fact : material.facts) hash.update(fact.key + "\n");
  for (const JudgedPair& candidate : material.candidates)
    hash.update(candidate.pair.key + (candidate.pair.part == "gold" ? "g\n" : "\n"));
  return hash.hex();
}

// Facts that say the same form a cluster, named by its first fact. One of them speaks: the first that was harvested,
// else the first. Returns the ids of those that speak.
std::vector<FactRow> cluster_facts(Database& db, const std::vector<FactRow>& facts, StageReport& report) {
  std::vector<std::string> answers;
  for (const FactRow& fact : facts) answers.push_back(fact.answer);
  const std::vector<std::size_t> first = near_duplicate_leaders(answers, kSameFact);
  std::map<std::size_t, std::size_t> speaker;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const auto [at, fresh] = speaker.emplace(first[i], i);
    if (!fresh && facts[at->second].origin != "harvest" && facts[i].origin == "harvest") at->second = i;
  }
  db.transaction([&] {
    for (std::size_t i = 0; i < facts.size(); ++i) set_fact_cluster(db, facts[i].id, facts[first[i]].key);
  });
  std::vector<std::size_t> places;
  for (const auto& [cluster, place] : speaker) places.push_back(place);
  std::sort(places.begin(), places.end());
  std::vector<FactRow> speakers;
  for (const std::size_t place : places) speakers.push_back(facts[place]);
  report.counts["clusters"] = static_cast<double>(speakers.size());
  return speakers;
}

// The words of all documents, as stems.
std::set<std::string> vocabulary_of(const Material& material) {
  std::set<std::string> words;
  for (const auto& [id, source] : material.sources)
    for (const std::string_view text : {std::string_view(source.section_text), std::string_view(source.heading)})
      for (const std::string& word : words_of(text)) words.insert(stem(word));
  return words;
}

void judge_rules(Material& material, const std::vector<FactRow>& speakers, const FactIndex& index,
                 const ChatModel& judge) {
  const std::set<std::string> vocabulary = vocabulary_of(material);
  const auto n_tokens = [&judge](std::string_view text) { return judge.count_tokens(text); };
  std::map<RowId, bool> speaks;
  for (const FactRow& fact : speakers) speaks[fact.id] = true;
  const std::string name = main_name(material.facts);
  for (JudgedPair& candidate : material.candidates) {
    if (!candidate.pair.fact_id) {
      judge_free_pair(candidate);
      const bool refuses = candidate.pair.form == "unanswerable";
      const bool moved = candidate.pair.question.find(name) == std::string::npos;
      if (refuses && !moved && maybe_answerable(candidate.pair.question, name, index, material.facts))
        candidate.fail(gate::kAnswerable);
      continue;
    }
    judge_by_rules(candidate, material.sources.at(*candidate.pair.fact_id));
    if (is_from_teacher(candidate.pair.form) && has_garbled_word(candidate.pair.question, vocabulary, n_tokens))
      candidate.fail(gate::kGarbled);
    if (!speaks.contains(*candidate.pair.fact_id)) candidate.fail(gate::kDuplicateFact);
  }
}

ByFact by_fact(std::vector<JudgedPair>& candidates) {
  ByFact groups;
  for (JudgedPair& candidate : candidates)
    if (candidate.pair.fact_id) groups[*candidate.pair.fact_id].push_back(&candidate);
  return groups;
}

std::string json_of(const std::map<std::string, double>& scores) {
  return json_text(nlohmann::json(scores));
}

// A number that names the model and prompt behind a stored gain; exact in a double.
double gain_key(const CurateOptions& options, const ChatModel& judge) {
  return static_cast<double>(hash64(judge.id() + "\x1f" + options.topic, kGainSemantics) >> 16);
}

void score_batch(Database& db, const std::vector<JudgedPair*>& batch, const CurateOptions& options, ChatModel& judge,
                 double key) {
  std::vector<QuestionAnswer> pairs;
  for (const JudgedPair* candidate : batch) pairs.push_back({candidate->pair.question, candidate->pair.answer});
  const std::vector<double> gains = likelihood_gains(judge, options.topic, pairs);
  db.transaction([&] {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i]->scores[score::kGain] = gains[i];
      batch[i]->scores[score::kGainKey] = key;
      set_pair_verdict(db, batch[i]->pair.id, batch[i]->pair.verdict, batch[i]->pair.reasons,
                       json_of(batch[i]->scores));
    }
  });
}

// Measures what is not yet measured, a few facts at a time.
void measure_likelihood(Database& db, const std::vector<std::vector<JudgedPair*>>& to_score,
                        const CurateOptions& options, ChatModel& judge, Reporter& reporter) {
  const double key = gain_key(options, judge);
  std::int64_t total = 0, done = 0;
  for (const auto& fact : to_score) total += static_cast<std::int64_t>(fact.size());
  reporter.begin("measure wordings", total, "pairs");
  for (std::size_t begin = 0; begin < to_score.size(); begin += kFactsPerBatch) {
    stop_if_interrupted();
    std::vector<JudgedPair*> batch;
    for (std::size_t i = begin; i < std::min(to_score.size(), begin + kFactsPerBatch); ++i) {
      done += static_cast<std::int64_t>(to_score[i].size());
      for (JudgedPair* candidate : to_score[i]) {
        const auto known = candidate->scores.find(score::kGainKey);
        if (known == candidate->scores.end() || known->second != key) batch.push_back(candidate);
      }
    }
    if (!batch.empty()) score_batch(db, batch, options, judge, key);
    reporter.update(done, "");
  }
  reporter.end(fmt::format("{} wordings measured", human_count(static_cast<double>(total))));
}

// What a good question gains: the original's gain; of a fact without one, the mean of its three best wordings.
double anchor_of(const std::vector<JudgedPair*>& of_fact) {
  std::vector<double> gains;
  for (const JudgedPair* candidate : of_fact) {
    const auto gain = candidate->scores.find(score::kGain);
    if (gain == candidate->scores.end()) continue;
    if (candidate->pair.form == "original") return gain->second;
    if (candidate->in()) gains.push_back(gain->second);
  }
  if (gains.empty()) return 0;
  std::sort(gains.rbegin(), gains.rend());
  const std::size_t n = std::min<std::size_t>(3, gains.size());
  return std::accumulate(gains.begin(), gains.begin() + static_cast<std::ptrdiff_t>(n), 0.0) / static_cast<double>(n);
}

std::string original_of(const std::vector<JudgedPair*>& of_fact) {
  for (const JudgedPair* candidate : of_fact)
    if (candidate->pair.form == "original") return candidate->pair.question;
  return "";
}

// Documents that ask hardly any question give a small teacher no example of one: read one by one, a third of what it
// asked of their statements was well put, and no score tells that third (docs/decisions/0005).
bool ask_hardly_any(const std::vector<FactRow>& facts) {
  constexpr double kFew = 0.2;
  const auto harvested =
      std::count_if(facts.begin(), facts.end(), [](const FactRow& fact) { return fact.origin == "harvest"; });
  return static_cast<double>(harvested) < kFew * static_cast<double>(facts.size());
}

void judge_wordings(Database& db, Material& material, const CurateOptions& options, ChatModel& judge,
                    Reporter& reporter) {
  ByFact groups = by_fact(material.candidates);
  std::vector<std::vector<JudgedPair*>> to_score;
  for (auto& [fact, group] : groups) {
    std::vector<JudgedPair*> chosen = pick_for_scoring(group, options);
    for (JudgedPair* candidate : group)
      if (candidate->in() && candidate->pair.form == "original") chosen.push_back(candidate);
    to_score.push_back(std::move(chosen));
  }
  if (options.score_per_fact > 0) measure_likelihood(db, to_score, options, judge, reporter);
  for (auto& [fact, group] : groups) {
    std::vector<JudgedPair*> doubtful;
    for (JudgedPair* candidate : group)
      if (is_from_teacher(candidate->pair.form) || candidate->pair.form == "derived") doubtful.push_back(candidate);
    judge_understanding(doubtful, anchor_of(group), original_of(group), options);
  }
  settle_between_facts(material.candidates);
  CurateOptions of_statements = options;
  if (ask_hardly_any(material.facts)) of_statements.keep_per_fact = options.keep_per_statement;
  for (auto& [fact, group] : groups) keep_best(group, original_of(group).empty() ? of_statements : options);
}

void write_verdicts(Database& db, const std::vector<JudgedPair>& candidates) {
  db.transaction([&] {
    for (const JudgedPair& candidate : candidates) {
      set_pair_verdict(db, candidate.pair.id, candidate.in() ? "kept" : "rejected",
                       json_text(nlohmann::json(candidate.reasons)), json_of(candidate.scores));
    }
  });
}

bool failed_any(const JudgedPair& candidate, std::initializer_list<const char*> gates) {
  return std::any_of(candidate.reasons.begin(), candidate.reasons.end(), [gates](const std::string& reason) {
    return std::find(gates.begin(), gates.end(), reason) != gates.end();
  });
}

// The funnel over teacher wordings: parsed -> well formed -> grounded -> distinct -> understood -> kept.
void count(const Material& material, StageReport& report) {
  std::map<RowId, bool> facts;
  for (const char* name : {"funnel parsed", "funnel well formed", "funnel grounded", "funnel distinct",
                           "funnel understood", "funnel kept", "kept", "rejected"})
    report.counts[name] = 0;
  for (const JudgedPair& candidate : material.candidates) {
    report.counts[candidate.in() ? "kept" : "rejected"] += 1;
    for (const std::string& reason : candidate.reasons) report.counts["rejected " + reason] += 1;
    if (candidate.in() && candidate.pair.fact_id) facts[*candidate.pair.fact_id] = true;
    if (!is_from_teacher(candidate.pair.form)) continue;
    report.counts["funnel parsed"] += 1;
    const bool grounded =
        !failed_any(candidate, {"quote_missing", "number_not_in_source", "name_not_in_source", gate::kInvented});
    const bool distinct =
        !failed_any(candidate, {gate::kNearDuplicate, gate::kOtherFact, gate::kDuplicateFact, gate::kHeldOut});
    const bool understood = !failed_any(candidate, {gate::kNotUnderstood});
    const bool formed = std::all_of(candidate.reasons.begin(), candidate.reasons.end(), [](const std::string& reason) {
      return reason == gate::kInvented || reason == gate::kNearDuplicate || reason == gate::kOtherFact ||
             reason == gate::kDuplicateFact || reason == gate::kHeldOut || reason == gate::kNotUnderstood ||
             reason == gate::kNotAmongBest || reason == "quote_missing" || reason == "number_not_in_source" ||
             reason == "name_not_in_source";
    });
    report.counts["funnel well formed"] += formed;
    report.counts["funnel grounded"] += formed && grounded;
    report.counts["funnel distinct"] += formed && grounded && distinct;
    report.counts["funnel understood"] += formed && grounded && distinct && understood;
    report.counts["funnel kept"] += candidate.in();
  }
  report.counts["judged"] = static_cast<double>(material.candidates.size());
  report.counts["kept_facts"] = static_cast<double>(facts.size());
}

}  // namespace

StageReport curate(Workspace& workspace, const CurateOptions& options, ChatModel& judge, Reporter& reporter) {
  Database& db = workspace.db();
  Material material = load(db);
  if (material.candidates.empty())
    throw Error(Kind::User, "there are no pairs to judge", "run generate or import first");
  const StageIdentity identity{.stage = "curate",
                               .semantics = kSemantics,
                               .options_json = options_json(options, judge),
                               .input_hash = input_hash(material),
                               .seed = options.seed};
  return run_stage(workspace, identity, [&](StageReport& report) {
    const std::vector<FactRow> speakers = cluster_facts(db, material.facts, report);
    const FactIndex index(db, indexed_facts(speakers));
    judge_rules(material, speakers, index, judge);
    decontaminate(material.candidates, material.gold_questions);
    std::vector<JudgedPair*> all;
    for (JudgedPair& candidate : material.candidates) all.push_back(&candidate);
    judge_by_search(all, index);
    judge_wordings(db, material, options, judge, reporter);
    write_verdicts(db, material.candidates);
    count(material, report);
    if (report.counts["kept"] == 0)
      throw Error(Kind::Input, fmt::format("none of the {} pairs passed the gates", material.candidates.size()),
                  "see the reasons with `faqsmith status`, use a larger teacher, or ask for more wordings a fact");
  });
}

}  // namespace faqsmith
