// The arithmetic behind metrics.h.
#include "faq/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "text/rouge.h"
#include "text/token_f1.h"

namespace faqsmith {
namespace {

// As text/token_f1.h, on sorted token numbers; n_answer counts the answer's tokens that no reference has, too.
double f1_of_numbers(const std::vector<std::uint32_t>& reference, const std::vector<std::uint32_t>& answer,
                     std::size_t n_answer) {
  std::size_t common = 0;
  for (std::size_t i = 0, j = 0; i < reference.size() && j < answer.size();) {
    if (reference[i] == answer[j]) {
      ++common;
      ++i;
      ++j;
    } else if (reference[i] < answer[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  return common == 0 ? 0.0 : 2.0 * static_cast<double>(common) / static_cast<double>(reference.size() + n_answer);
}

std::optional<double> share(std::size_t part, std::size_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

struct ClusterSum {
  double a = 0, b = 0, weight = 0;
};

std::vector<ClusterSum> sum_by_cluster(const std::vector<PairedItem>& items) {
  std::map<std::string, ClusterSum> by_name;
  for (const PairedItem& item : items) {
    ClusterSum& sum = by_name[item.cluster];
    sum.a += item.weight * item.a;
    sum.b += item.weight * item.b;
    sum.weight += item.weight;
  }
  std::vector<ClusterSum> out;
  for (const auto& [name, sum] : by_name) out.push_back(sum);
  return out;
}

}  // namespace

AnswerScores score_answer(std::string_view reference, std::string_view answer) {
  return {token_f1(reference, answer), rouge_l(reference, answer).f1};
}

void ReferencePool::add(std::string_view key, std::string_view reference) {
  Reference entry{std::string(key), std::string(reference), {}};
  for (std::string& token : answer_tokens(reference))
    entry.tokens.push_back(
        numbers_.emplace(std::move(token), static_cast<std::uint32_t>(numbers_.size())).first->second);
  std::sort(entry.tokens.begin(), entry.tokens.end());
  references_.push_back(std::move(entry));
}

ReferencePool::Numbers ReferencePool::known_tokens(std::string_view text, std::size_t& n_all) const {
  Numbers out;
  const std::vector<std::string> tokens = answer_tokens(text);
  n_all = tokens.size();
  for (const std::string& token : tokens) {
    if (const auto found = numbers_.find(token); found != numbers_.end()) out.push_back(found->second);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool ReferencePool::nearest_is(std::string_view key, std::string_view answer) const {
  std::size_t n_answer = 0;
  const Numbers tokens = known_tokens(answer, n_answer);
  std::vector<double> f1(references_.size());
  double best = 0;
  for (std::size_t i = 0; i < references_.size(); ++i)
    best = std::max(best, f1[i] = f1_of_numbers(references_[i].tokens, tokens, n_answer));
  if (best <= 0) return false;
  double own_rouge = -1, other_rouge = -1;
  for (std::size_t i = 0; i < references_.size(); ++i) {
    if (f1[i] < best) continue;
    double& rouge = references_[i].key == key ? own_rouge : other_rouge;
    rouge = std::max(rouge, rouge_l(references_[i].text, answer).f1);
  }
  return own_rouge >= 0 && own_rouge >= other_rouge;
}

std::optional<ReferencePool::Nearest> ReferencePool::nearest(std::string_view answer) const {
  std::size_t n_answer = 0;
  const Numbers tokens = known_tokens(answer, n_answer);
  std::optional<Nearest> best;
  for (const Reference& reference : references_) {
    const double f1 = f1_of_numbers(reference.tokens, tokens, n_answer);
    if (f1 > (best ? best->token_f1 : 0.0)) best = Nearest{reference.key, f1};
  }
  return best;
}

PairedDifference paired_difference(const std::vector<PairedItem>& items, Rng& rng, int n_resamples) {
  require(n_resamples > 0, "a bootstrap has resamples");
  PairedDifference out;
  const std::vector<ClusterSum> clusters = sum_by_cluster(items);
  out.n_items = items.size();
  out.n_clusters = clusters.size();
  ClusterSum all;
  for (const ClusterSum& c : clusters) all = {all.a + c.a, all.b + c.b, all.weight + c.weight};
  if (all.weight <= 0) return out;
  out.mean_a = all.a / all.weight;
  out.mean_b = all.b / all.weight;
  out.difference = out.mean_b - out.mean_a;
  std::vector<double> differences;
  differences.reserve(static_cast<std::size_t>(n_resamples));
  for (int round = 0; round < n_resamples; ++round) {
    double difference = 0, weight = 0;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      const ClusterSum& drawn = clusters[rng.below(clusters.size())];
      difference += drawn.b - drawn.a;
      weight += drawn.weight;
    }
    if (weight > 0) differences.push_back(difference / weight);
  }
  std::sort(differences.begin(), differences.end());
  const auto n = static_cast<double>(differences.size());
  out.low = differences[static_cast<std::size_t>(std::floor(0.025 * (n - 1)))];
  out.high = differences[static_cast<std::size_t>(std::ceil(0.975 * (n - 1)))];
  return out;
}

std::optional<double> RefusalCounts::recall() const {
  return share(refused_unanswerable, n_unanswerable);
}
std::optional<double> RefusalCounts::precision() const {
  return share(refused_unanswerable, refused_unanswerable + refused_answerable);
}
std::optional<double> RefusalCounts::false_refusal() const {
  return share(refused_answerable, n_answerable);
}

Outcome outcome_of(bool refused, double token_f1_of_answer) {
  if (refused) return Outcome::Refused;
  return token_f1_of_answer >= kRightTokenF1 ? Outcome::Right : Outcome::Wrong;
}

}  // namespace faqsmith
