// Selection by hash, so that a limit keeps the same items when documents are added.
#include "stages/evaluate/items.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

constexpr std::array kTestParts = {"reworded", "unseen", "refusal", "gold"};

}  // namespace

TestMaterial::TestMaterial(Database& db, const EvaluateOptions& options) {
  for (SectionRow& section : list_sections(db)) sections_[section.id] = std::move(section);
  for (const SourceRow& source : list_sources(db)) files_[source.id] = source.path;
  for (FactRow& fact : list_facts(db)) facts_[fact.id] = std::move(fact);
  select_items(db, options);
  if (items_.empty())
    throw Error(Kind::User, "there is no test question in this workspace",
                "run `faqsmith split`, or `faqsmith build` for all stages");
  const std::vector<PairRow> trained = list_pairs_in(db, "train");
  std::set<RowId> trained_facts;
  for (const PairRow& pair : trained) {
    if (pair.fact_id) trained_facts.insert(*pair.fact_id);
  }
  std::vector<FactRow> searchable;
  for (const RowId id : trained_facts) {
    if (const auto found = facts_.find(id); found != facts_.end()) searchable.push_back(found->second);
  }
  index_.emplace(db, indexed_facts(searchable, trained));
  chooser_.emplace(db, searchable, trained, [this](const FactRow& fact) {
    const auto section = sections_.find(fact.section_id);
    return section == sections_.end() ? std::string() : join(section->second.heading_path, "\n");
  });
  // Every fact that a kept question asks for is a reference; facts that lost all their questions are not.
  Sha256 hash;
  std::set<RowId> asked;
  for (const PairRow& pair : list_pairs(db)) {
    if (pair.fact_id && !pair.part.empty()) asked.insert(*pair.fact_id);
  }
  for (const RowId id : asked) {
    const auto found = facts_.find(id);
    if (found == facts_.end()) continue;
    fact_references_.add(cluster_of(found->second), found->second.answer);
    hash.update(found->second.key + found->second.answer + found->second.cluster + "\n");
  }
  fill_references();
  for (const TestItem& item : items_)
    hash.update(item.pair.part + item.pair.key + item.pair.question + item.pair.answer + "\n");
  for (const PairRow& pair : trained) hash.update(pair.key);
  hash_ = hash.hex();
}

void TestMaterial::select_items(Database& db, const EvaluateOptions& options) {
  for (const char* part : kTestParts) {
    std::vector<PairRow> pairs = list_pairs_in(db, part);
    std::sort(pairs.begin(), pairs.end(), [&](const PairRow& a, const PairRow& b) {
      const std::uint64_t left = hash64(a.key, options.seed), right = hash64(b.key, options.seed);
      return left != right ? left < right : a.key < b.key;
    });
    if (options.limit_per_part > 0 && pairs.size() > static_cast<std::size_t>(options.limit_per_part))
      pairs.resize(static_cast<std::size_t>(options.limit_per_part));
    for (PairRow& pair : pairs) {
      TestItem item{std::move(pair), std::nullopt, ""};
      if (item.pair.fact_id && facts_.contains(*item.pair.fact_id)) item.fact = facts_.at(*item.pair.fact_id);
      item.cluster = item.fact ? cluster_of(*item.fact) : item.pair.key;
      items_.push_back(std::move(item));
    }
  }
}

// A gold answer without a fact competes with the other gold answers: the documents' facts may say the same in other
// words.
void TestMaterial::fill_references() {
  std::set<std::string> seen;
  for (const TestItem& item : items_) {
    if (item.pair.part == "gold" && !item.fact && seen.insert(item.pair.answer).second)
      gold_references_.add(item.pair.answer, item.pair.answer);
  }
}

std::optional<FactRow> TestMaterial::search(const std::string& text) const {
  const std::vector<FactHit> hits = index_->search(text, 1);
  if (hits.empty()) return std::nullopt;
  return facts_.at(hits.front().id);
}

std::map<std::string, double> TestMaterial::score(const TestItem& item, const std::string& answer, bool refused,
                                                  const std::optional<FactRow>& cited) const {
  std::map<std::string, double> out = {{"refused", refused ? 1.0 : 0.0}};
  if (item.pair.part == "refusal") return out;
  const AnswerScores scores = score_answer(item.pair.answer, answer);
  out["token_f1"] = scores.token_f1;
  out["rouge_l"] = scores.rouge_l;
  const bool own = item.fact ? fact_references_.nearest_is(cluster_of(*item.fact), answer)
                             : gold_references_.nearest_is(item.pair.answer, answer);
  out["own_fact"] = own && !refused ? 1.0 : 0.0;
  if (item.fact && item.pair.part != "unseen")
    out["cited"] = !refused && cited && cluster_of(*cited) == cluster_of(*item.fact) ? 1.0 : 0.0;
  if (item.pair.part == "unseen") {
    const Outcome outcome = outcome_of(refused, scores.token_f1);
    out["right"] = outcome == Outcome::Right ? 1.0 : 0.0;
    out["wrong"] = outcome == Outcome::Wrong ? 1.0 : 0.0;
  }
  return out;
}

void TestMaterial::add_source(const TestItem& item, EvaluatedItem& out) const {
  if (!item.fact) return;
  out.quote = item.fact->quote;
  const auto section = sections_.find(item.fact->section_id);
  if (section == sections_.end()) return;
  out.heading = join(section->second.heading_path, " › ");
  if (const auto file = files_.find(section->second.source_id); file != files_.end()) out.file = file->second;
}

}  // namespace faqsmith
