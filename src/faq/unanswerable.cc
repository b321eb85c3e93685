// Unanswerable questions: three sources, taken in turn after a seeded shuffle, each checked against the facts.
#include "faq/unanswerable.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "base/rng.h"
#include "base/strings.h"
#include "faq/question_shape.h"
#include "faq/unanswerable_lists.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

std::vector<std::string> filled(std::span<const std::string_view> list, std::string_view name) {
  std::vector<std::string> out;
  for (const std::string_view item : list) {
    if (item.find("{}") == std::string_view::npos) {
      out.emplace_back(item);
    } else if (!name.empty()) {
      out.push_back(replace_all(std::string(item), "{}", name));
    }
  }
  return out;
}

// Each document question is moved to so many products, so that the bot learns to look at the name: with one, it refused
// 59% of moved questions that it had not seen, with two 86%, with four 95% (docs/decisions/0004).
constexpr std::size_t kProductsEach = 4;

// Document questions that name the product, about other products instead: near in words, absent in the documents.
std::vector<std::string> moved_questions(const std::vector<FactRow>& facts, const std::string& name, Rng& rng) {
  std::vector<std::string> out;
  if (name.empty()) return out;
  for (const FactRow& fact : facts) {
    if (fact.origin != "harvest" || fact.heading.find(name) == std::string::npos) continue;
    if (sentences_of(fact.heading).size() > 1 || words_of(fact.heading).size() > 14) continue;
    std::vector<std::string_view> products(other_products().begin(), other_products().end());
    rng.shuffle(products);
    for (std::size_t i = 0; i < kProductsEach; ++i) out.push_back(replace_all(fact.heading, name, products[i]));
  }
  return out;
}

}  // namespace

std::string main_name(const std::vector<FactRow>& facts) {
  std::map<std::string, std::size_t> count;       // facts that use the name
  std::map<std::string, std::string> as_written;  // first spelling seen
  for (const FactRow& fact : facts) {
    std::set<std::string> names = names_of(fact.heading);
    names.merge(names_of(fact.answer));
    for (const std::string& name : names) {
      ++count[name];
      if (as_written.contains(name)) continue;
      const std::string text = fact.heading + "\n" + fact.answer;
      const std::size_t at = lower_ascii(text).find(name);
      if (at != std::string::npos) as_written[name] = text.substr(at, name.size());
    }
  }
  std::string best;
  std::size_t most = std::max<std::size_t>(2, facts.size() / 12);
  for (const auto& [name, n] : count) {
    if (n <= most || !as_written.contains(name)) continue;
    most = n;
    best = as_written[name];
  }
  return best;
}

bool maybe_answerable(std::string_view question, std::string_view name, const FactIndex& index,
                      const std::vector<FactRow>& facts) {
  std::set<std::string> asked = stems_of(question);
  for (const std::string& word : words_of(name)) asked.erase(stem(word));
  if (asked.empty()) return true;
  for (const FactHit& hit : index.search(question, 3)) {
    const auto fact = std::find_if(facts.begin(), facts.end(), [&hit](const FactRow& row) { return row.id == hit.id; });
    if (fact == facts.end()) continue;
    const std::set<std::string> said = stems_of(fact->heading + "\n" + fact->answer);
    const auto shared =
        std::count_if(asked.begin(), asked.end(), [&said](const std::string& word) { return said.contains(word); });
    if (shared * 3 >= static_cast<std::ptrdiff_t>(asked.size()) * 2) return true;
  }
  return false;
}

std::string without_product(std::string_view question) {
  std::string out(question);
  for (const std::string_view product : other_products()) out = replace_all(out, product, "{}");
  return out;
}

std::vector<std::string> unanswerable_questions(std::size_t n, std::uint64_t seed, const std::vector<FactRow>& facts,
                                                const FactIndex& index) {
  Rng rng(seed);
  const std::string name = main_name(facts);
  std::vector<std::vector<std::string>> pools = {filled(general_questions(), name), filled(absent_questions(), name),
                                                 moved_questions(facts, name, rng)};
  for (auto& pool : pools) rng.shuffle(pool);
  std::vector<std::string> chosen;
  std::set<std::string> seen;
  for (std::size_t round = 0; chosen.size() < n; ++round) {
    bool any = false;
    for (std::size_t p = 0; p < pools.size() && chosen.size() < n; ++p) {
      if (round >= pools[p].size()) continue;
      any = true;
      const std::string& question = pools[p][round];
      // A question about another product is answered by no fact unless that product is in the documents.
      const bool moved = p == 2;
      const bool known_product = moved && std::any_of(facts.begin(), facts.end(), [&question](const FactRow& fact) {
                                   return fact.heading == question;
                                 });
      if (known_product || (!moved && maybe_answerable(question, name, index, facts))) continue;
      if (seen.insert(lower_ascii(question)).second) chosen.push_back(question);
    }
    if (!any) break;
  }
  return chosen;
}

}  // namespace faqsmith
