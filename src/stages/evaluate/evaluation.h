// What an evaluation found, as plain data: report_html, report_json and the terminal table are written from it alone.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "faq/metrics.h"
#include "store/records.h"

namespace faqsmith {

// The columns. Names as in the table answers.
inline constexpr const char* kBase = "base";
inline constexpr const char* kTuned = "tuned";  // as the bot answers: search has a say in which of its answers it gives
inline constexpr const char* kGreedy =
    "greedy";  // the tuned model's first answer, without that; absent if that is the bot's
inline constexpr const char* kSearch = "search";
inline constexpr const char* kColumns[] = {kBase, kTuned, kGreedy, kSearch};

enum class Better { Higher, Lower, Neither };
enum class Shown { Number, Percent };

struct Metric {
  std::string name;   // "token_f1", as in answers.metrics
  std::string label;  // "token F1"
  Better better = Better::Higher;
  Shown shown = Shown::Number;
};

// One row of the comparison.
struct Comparison {
  std::string part;  // reworded, unseen, refusal, gold; "all" for figures over several parts
  Metric metric;
  std::map<std::string, double> value;               // by column; absent where it has no meaning
  std::optional<PairedDifference> tuned_minus_base;  // absent where items cannot be paired
  std::optional<PairedDifference> tuned_minus_search;
  std::size_t n_items = 0, n_facts = 0;
};

struct GivenAnswer {
  std::string text;
  bool refused = false;
  std::map<std::string, double> values;  // metric name -> value
};

struct EvaluatedItem {
  RowId pair_id = 0;
  std::string part, question, reference;
  std::string file, heading, quote;            // empty for questions without a fact
  std::map<std::string, GivenAnswer> answers;  // by column
};

struct FunnelStep {
  std::string label;
  double count = 0;
};

struct LossCurve {
  std::vector<std::pair<double, double>> train, validation;  // step, loss a token
  [[nodiscard]] bool empty() const { return train.empty() && validation.empty(); }
};

struct Evaluation {
  std::string run, base_id, tuned_id, topic;
  int max_tokens = 0;
  std::vector<Comparison> comparisons;
  std::vector<EvaluatedItem> items;
  std::vector<FunnelStep> funnel;      // of the teacher's wordings; empty if nothing was generated
  std::vector<FunnelStep> rejected;    // reasons, most frequent first
  std::vector<FunnelStep> trained_on;  // the train stage's length report; empty if it did not run
  LossCurve loss;
};

[[nodiscard]] const Comparison* find_comparison(const Evaluation& evaluation, const std::string& part,
                                                const std::string& metric);
// "0.723", "63%"; with a sign for differences ("+0.512", "+40 pp").
[[nodiscard]] std::string show_value(const Metric& metric, double value);
[[nodiscard]] std::string show_difference(const Metric& metric, double value);
// Whether the interval of tuned - base excludes zero, and to which side: +1 better, -1 worse, 0 unsure or neither.
[[nodiscard]] int verdict(const Comparison& comparison);

// The comparison as lines of a terminal table.
[[nodiscard]] std::vector<std::string> table_lines(const Evaluation& evaluation);

}  // namespace faqsmith
