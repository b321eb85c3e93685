// Where each pair goes. assign() looks at one pair alone; then test wordings that stand too close to training ones
// leave.
#include "stages/split/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "faq/pair_key.h"
#include "faq/unanswerable.h"
#include "faq/words.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr int kSemantics = 4;

// Uniform in [0, 1): a property of the name and the seed alone.
double place_of(std::string_view name, std::uint64_t seed) {
  return static_cast<double>(hash64(name, seed) >> 11) * 0x1.0p-53;
}

struct Placed {
  PairRow pair;
  std::string part;
};

// Fit to measure with: the answer's likelihood says so (it passes 96% of the good probes and stops 90% of the bad
// ones). Search has no say where that was measured: a test of questions that search finds would flatter search, and a
// bot that search helps.
bool good_test_wording(const PairRow& pair, double min_quality) {
  const auto scores = try_parse_json(pair.scores);
  if (!scores.is_object()) return true;
  if (scores.contains("gain_share")) return scores.value("gain_share", 0.0) >= min_quality;
  return scores.value("search_rank", 1.0) == 1.0;
}

// Fifteen rule forms of one question would count one measurement fifteen times.
bool says_something_new(const std::string& form) {
  return form == "original" || form == "derived" || is_from_teacher(form);
}

std::string assign(const PairRow& pair, const std::string& cluster, const SplitOptions& options) {
  if (pair.part == "gold") return "gold";
  if (pair.verdict != "kept") return "";
  if (pair.form == "unanswerable") {
    // One document question moved to several products stays on one side.
    return place_of(without_product(pair.question), options.seed) < options.refusal_test ? "refusal" : "train";
  }
  if (!pair.fact_id) return "train";  // imported rows that are not held out
  if (place_of(cluster, options.seed) < options.unseen_facts) return says_something_new(pair.form) ? "unseen" : "";
  if (!is_from_teacher(pair.form)) return "train";
  const double place = place_of(pair.key, options.seed);
  if (place < options.reworded) return good_test_wording(pair, options.min_quality) ? "reworded" : "train";
  return place < options.reworded + options.validation ? "validation" : "train";
}

// Of each fact: a held-out wording may not be close to a training one. The original and its simple forms stay; every
// other training wording gives way to the test item, so that tests stay where their hash put them.
void keep_apart(const std::vector<Placed*>& of_fact, const SplitOptions& options) {
  for (Placed* test : of_fact) {
    if (test->part != "reworded") continue;
    for (Placed* other : of_fact) {
      if (other == test || (other->part != "train" && other->part != "validation" && other->part != "reworded"))
        continue;
      if (wording_overlap(test->pair.question, other->pair.question) < options.distinct_below) continue;
      const std::string& form = other->pair.form;
      const bool gives_way =
          (is_from_teacher(form) || form == "rule" || form == "derived") && other->part != "reworded";
      if (gives_way) {
        other->part.clear();
      } else {
        test->part.clear();
        break;
      }
    }
  }
}

// The same words must not be asked on both sides, whatever the fact: the training side gives way.
void no_shared_questions(std::vector<Placed>& placed) {
  std::set<std::string> tested;
  const auto words = [](const Placed& item) { return join(words_of(item.pair.question), " "); };
  for (const Placed& item : placed)
    if (item.part == "reworded" || item.part == "unseen" || item.part == "refusal" || item.part == "gold")
      tested.insert(words(item));
  for (Placed& item : placed)
    if ((item.part == "train" || item.part == "validation") && tested.contains(words(item))) item.part.clear();
}

std::string options_json(const SplitOptions& options) {
  nlohmann::ordered_json json;
  json["unseen_facts"] = options.unseen_facts;
  json["reworded"] = options.reworded;
  json["validation"] = options.validation;
  json["refusal_test"] = options.refusal_test;
  json["distinct_below"] = options.distinct_below;
  json["min_quality"] = options.min_quality;
  return json_text(json);
}

std::string input_hash(const std::vector<PairRow>& pairs) {
  Sha256 hash;
  for (const PairRow& pair : pairs)
    hash.update(pair.key + pair.verdict + pair.scores + (pair.part == "gold" ? "g\n" : "\n"));
  return hash.hex();
}

void warn_if_small(const StageReport& report, const std::map<std::string, int>& wanted, Reporter& reporter) {
  for (const auto& [part, n] : wanted) {
    const auto found = report.counts.find(part);
    const double have = found == report.counts.end() ? 0 : found->second;
    if (have < n)
      reporter.warn(fmt::format("the test part '{}' has {} items; {} or more give a useful interval", part, have, n));
  }
}

}  // namespace

StageReport split_pairs(Workspace& workspace, const SplitOptions& options, Reporter& reporter) {
  Database& db = workspace.db();
  const std::vector<PairRow> pairs = list_pairs(db);
  if (pairs.empty()) throw Error(Kind::User, "there are no pairs to split", "run generate and curate first");
  const StageIdentity identity{.stage = "split",
                               .semantics = kSemantics,
                               .options_json = options_json(options),
                               .input_hash = input_hash(pairs),
                               .seed = options.seed};
  return run_stage(workspace, identity, [&](StageReport& report) {
    std::map<RowId, std::string> clusters;
    for (const FactRow& fact : list_facts(db)) clusters[fact.id] = fact.cluster.empty() ? fact.key : fact.cluster;
    std::vector<Placed> placed;
    placed.reserve(pairs.size());
    for (const PairRow& pair : pairs)
      placed.push_back({pair, assign(pair, pair.fact_id ? clusters[*pair.fact_id] : std::string(), options)});
    std::map<RowId, std::vector<Placed*>> by_fact;
    for (Placed& item : placed)
      if (item.pair.fact_id) by_fact[*item.pair.fact_id].push_back(&item);
    for (const auto& [fact, items] : by_fact) keep_apart(items, options);
    no_shared_questions(placed);
    std::set<RowId> tested_facts;
    for (const char* part : {"train", "validation", "reworded", "unseen", "refusal", "gold", "unused"})
      report.counts[part] = 0;
    db.transaction([&] {
      for (const Placed& item : placed) {
        if (item.part != item.pair.part) set_pair_part(db, item.pair.id, item.part);
        if (!item.part.empty()) report.counts[item.part] += 1;
        if (item.part.empty() && item.pair.verdict == "kept") report.counts["unused"] += 1;
        if (item.part == "reworded") tested_facts.insert(*item.pair.fact_id);
      }
    });
    report.counts["reworded facts"] = static_cast<double>(tested_facts.size());
    if (report.counts["train"] == 0)
      throw Error(Kind::Input, "no pair is left to train on", "see with `faqsmith status` why pairs were rejected");
    warn_if_small(report, {{"reworded", 100}, {"unseen", 20}, {"refusal", 20}}, reporter);
  });
}

}  // namespace faqsmith
