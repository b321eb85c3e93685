// Quotas. Early sections never fill the set: every section shrinks by the same factor, and keeps facts spread over it.
#include "stages/generate/plan.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "faq/privacy.h"

namespace faqsmith {
namespace {

std::size_t taken(std::size_t count, double factor) {
  if (count == 0) return 0;
  const auto share = static_cast<std::size_t>(std::floor(static_cast<double>(count) * factor));
  return std::clamp<std::size_t>(share, 1, count);
}

std::size_t total(const std::vector<std::size_t>& counts, double factor) {
  std::size_t sum = 0;
  for (const std::size_t count : counts) sum += taken(count, factor);
  return sum;
}

// Keeps n of the facts: harvested ones first, then quoted ones evenly spread, in their order.
void thin(std::vector<FoundFact>& facts, std::size_t n) {
  if (facts.size() <= n) return;
  std::vector<std::size_t> order(facts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  // Facts in bit-reversed order of their place would also do; a hash of the key is as even and moves least when text is
  // added.
  std::stable_sort(order.begin(), order.end(), [&facts](std::size_t a, std::size_t b) {
    const bool harvest_a = facts[a].fact.origin == "harvest", harvest_b = facts[b].fact.origin == "harvest";
    if (harvest_a != harvest_b) return harvest_a;
    return hash64(facts[a].fact.key) < hash64(facts[b].fact.key);
  });
  order.resize(n);
  std::sort(order.begin(), order.end());
  std::vector<FoundFact> kept;
  for (const std::size_t i : order) kept.push_back(std::move(facts[i]));
  facts = std::move(kept);
}

// No source may fill more than a quarter of the set (but 40 facts in any case) once there are four of them.
void cap_sources(std::vector<SectionFacts>& all, std::size_t most) {
  std::map<RowId, std::vector<std::size_t>> sections_of;
  for (std::size_t i = 0; i < all.size(); ++i) sections_of[all[i].section.source_id].push_back(i);
  if (sections_of.size() < 4) return;
  const std::size_t cap = std::max<std::size_t>(40, most / 4);
  for (const auto& [source, places] : sections_of) {
    std::vector<std::size_t> counts;
    for (const std::size_t i : places) counts.push_back(all[i].facts.size());
    const std::vector<std::size_t> shares = share_out(counts, cap);
    for (std::size_t k = 0; k < places.size(); ++k) thin(all[places[k]].facts, shares[k]);
  }
}

// E-mail addresses are taken out of answers; a fact that holds a secret or a card number is not taken up at all.
void withhold_private(std::vector<FoundFact>& facts, std::map<std::string, double>& withheld) {
  std::erase_if(facts, [&withheld](FoundFact& found) {
    const Redacted redacted = redact(found.fact.answer);
    bool drop = false;
    for (const auto& [kind, n] : redacted.found) {
      const bool address = kind == "e_mail";
      withheld[(address ? "redacted " : "dropped ") + kind] += 1;
      drop = drop || !address;
    }
    found.fact.answer = redacted.text;
    return drop;
  });
}

}  // namespace

std::vector<std::size_t> share_out(const std::vector<std::size_t>& counts, std::size_t most) {
  std::vector<std::size_t> shares = counts;
  if (total(counts, 1.0) <= most) return shares;
  double low = 0.0, high = 1.0;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (total(counts, middle) <= most ? low : high) = middle;
  }
  std::size_t left = most;
  for (std::size_t& share : shares) {
    share = std::min(taken(share, low), left);
    left -= share;
  }
  return shares;
}

FactPlan plan_facts(const std::vector<SectionRow>& sections, const GenerateOptions& options, const ChatModel& teacher) {
  FactRules rules;
  rules.answer_max_tokens = options.answer_max_tokens;
  rules.more_facts = options.more_facts;
  rules.tokens_per_fact = options.tokens_per_fact;
  rules.count_tokens = [&teacher](std::string_view text) { return teacher.count_tokens(text); };
  FactPlan plan;
  std::vector<SectionFacts>& all = plan.sections;
  const SectionRow* before = nullptr;
  for (const SectionRow& section : sections) {
    const bool carries_on =
        before != nullptr && before->source_id == section.source_id && before->heading_path == section.heading_path;
    before = &section;
    std::vector<FoundFact> facts = find_facts(section, rules, carries_on ? Place::CarriesOn : Place::Opens);
    withhold_private(facts, plan.withheld);
    if (!facts.empty()) all.push_back({section, std::move(facts)});
  }
  const auto most = static_cast<std::size_t>(std::max(1, options.max_facts));
  cap_sources(all, most);
  std::vector<std::size_t> counts;
  for (const SectionFacts& entry : all) counts.push_back(entry.facts.size());
  const std::vector<std::size_t> shares = share_out(counts, most);
  for (std::size_t i = 0; i < all.size(); ++i) thin(all[i].facts, shares[i]);
  std::erase_if(all, [](const SectionFacts& entry) { return entry.facts.empty(); });
  return plan;
}

}  // namespace faqsmith
