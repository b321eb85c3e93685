// What the evaluation counts: answers against references, the own-fact test, refusals, and how sure a difference is.
// Pure functions of texts and numbers; the stage stores and shows them. Sources: Rajpurkar et al. 2016 (token F1), Lin
// 2004 (ROUGE-L), Efron and Tibshirani 1993 (percentile bootstrap), resampled by cluster (Field and Welsh 2007).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/rng.h"

namespace faqsmith {

struct AnswerScores {
  double token_f1 = 0, rouge_l = 0;  // 0 to 1
};
[[nodiscard]] AnswerScores score_answer(std::string_view reference, std::string_view answer);

// All references that an answer could be about. An answer passes the own-fact test if no reference of another key is
// nearer to it (token F1, then ROUGE-L) than the nearest of its own key, and it shares a word with that one.
class ReferencePool {
 public:
  // key: what counts as the same fact, e.g. its duplicate cluster. The same answer text under two keys serves both.
  void add(std::string_view key, std::string_view reference);
  [[nodiscard]] bool nearest_is(std::string_view key, std::string_view answer) const;
  struct Nearest {
    std::string key;
    double token_f1 = 0;
  };
  // The reference with the highest token F1, of equals the first added; nothing if no word is shared.
  [[nodiscard]] std::optional<Nearest> nearest(std::string_view answer) const;
  [[nodiscard]] std::size_t size() const { return references_.size(); }

 private:
  using Numbers = std::vector<std::uint32_t>;
  struct Reference {
    std::string key, text;
    Numbers tokens;  // sorted
  };
  [[nodiscard]] Numbers known_tokens(std::string_view text, std::size_t& n_all) const;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<Reference> references_;
};

// One item measured under two models. Items of a cluster (wordings of one fact) are not independent.
struct PairedItem {
  std::string cluster;
  double a = 0, b = 0;
  double weight = 1;  // e.g. tokens, for a mean over tokens
};
struct PairedDifference {
  double mean_a = 0, mean_b = 0, difference = 0;  // weighted means; difference = mean_b - mean_a
  double low = 0, high = 0;                       // 95% interval of the difference
  std::size_t n_items = 0, n_clusters = 0;
};
inline constexpr int kResamples = 4000;
// Draws whole clusters with replacement. Without items all is 0; with one cluster the interval is a point and says
// nothing.
[[nodiscard]] PairedDifference paired_difference(const std::vector<PairedItem>& items, Rng& rng,
                                                 int n_resamples = kResamples);

// Refusing as a detector of questions that the documents do not answer.
struct RefusalCounts {
  std::size_t n_unanswerable = 0, refused_unanswerable = 0;
  std::size_t n_answerable = 0, refused_answerable = 0;
  [[nodiscard]] std::optional<double> recall() const;         // of the unanswerable, the share refused
  [[nodiscard]] std::optional<double> precision() const;      // of the refused, the share unanswerable
  [[nodiscard]] std::optional<double> false_refusal() const;  // of the answerable, the share refused
};

// What became of a question whose fact was never trained.
enum class Outcome { Right, Wrong, Refused };
inline constexpr double kRightTokenF1 = 0.5;  // from here on an answer counts as right
[[nodiscard]] Outcome outcome_of(bool refused, double token_f1_of_answer);

}  // namespace faqsmith
