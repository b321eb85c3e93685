// The comparison is a pure function of the rows, the options and the seed: a report can be written again at any time.
#include "stages/evaluate/measure.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/json_text.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

using nlohmann::json;

const std::vector<Metric>& metrics_of(const std::string& part) {
  static const Metric kF1{"token_f1", "token F1"}, kRouge{"rouge_l", "ROUGE-L"};
  static const Metric kOwn{"own_fact", "own fact", Better::Higher, Shown::Percent};
  static const Metric kCited{"cited", "cites its source", Better::Higher, Shown::Percent};
  static const Metric kLoss{"loss", "loss a token", Better::Lower};
  static const std::vector<Metric> kAnswerable = {
      kF1, kRouge, kOwn, kCited, {"refused", "refused, wrongly", Better::Lower, Shown::Percent}, kLoss};
  static const std::vector<Metric> kUnseen = {kF1,
                                              {"right", "right", Better::Higher, Shown::Percent},
                                              {"wrong", "wrong", Better::Lower, Shown::Percent},
                                              {"refused", "refused", Better::Neither, Shown::Percent},
                                              kLoss};
  static const std::vector<Metric> kRefusal = {{"refused", "refused, rightly", Better::Higher, Shown::Percent}, kLoss};
  return part == "refusal" ? kRefusal : part == "unseen" ? kUnseen : kAnswerable;
}

GivenAnswer given_answer(const AnswerRow& row) {
  GivenAnswer out{row.answer, row.refused, {}};
  const json values = try_parse_json(row.metrics);
  if (!values.is_object()) return out;
  for (const auto& [name, value] : values.items()) {
    if (value.is_number()) out.values[name] = value.get<double>();
  }
  return out;
}

struct Judged {
  const EvaluatedItem* item;
  const std::string* cluster;
};

std::optional<double> value_of(const Judged& judged, const std::string& column, const std::string& metric) {
  const auto answer = judged.item->answers.find(column);
  if (answer == judged.item->answers.end()) return std::nullopt;
  const auto value = answer->second.values.find(metric);
  if (value == answer->second.values.end()) return std::nullopt;
  return value->second;
}

// A loss is a mean over tokens: an item counts by the tokens of its reference answer.
double weight_of(const Judged& judged, const std::string& column, const std::string& metric) {
  return metric == "loss" ? value_of(judged, column, "loss_tokens").value_or(0) : 1.0;
}

std::optional<PairedDifference> compare(const std::vector<Judged>& judged, const char* a, const char* b,
                                        const std::string& metric, std::uint64_t seed) {
  std::vector<PairedItem> items;
  for (const Judged& j : judged) {
    const auto left = value_of(j, a, metric), right = value_of(j, b, metric);
    if (left && right) items.push_back({*j.cluster, *left, *right, weight_of(j, b, metric)});
  }
  if (items.empty()) return std::nullopt;
  Rng rng(mix_seed(seed, hash64(metric)));
  return paired_difference(items, rng);
}

std::optional<double> mean(const std::vector<Judged>& judged, const std::string& column, const std::string& metric) {
  double sum = 0, weight = 0;
  for (const Judged& j : judged) {
    const auto value = value_of(j, column, metric);
    if (!value) continue;
    sum += weight_of(j, column, metric) * *value;
    weight += weight_of(j, column, metric);
  }
  if (weight <= 0) return std::nullopt;
  return sum / weight;
}

void compare_part(const std::string& part, const std::vector<Judged>& judged, std::uint64_t seed, Evaluation& out) {
  std::vector<std::string> clusters;
  for (const Judged& j : judged) clusters.push_back(*j.cluster);
  std::sort(clusters.begin(), clusters.end());
  const auto n_facts = static_cast<std::size_t>(std::unique(clusters.begin(), clusters.end()) - clusters.begin());
  for (const Metric& metric : metrics_of(part)) {
    Comparison row{part, metric, {}, std::nullopt, std::nullopt, judged.size(), n_facts};
    for (const char* column : kColumns) {
      if (const auto value = mean(judged, column, metric.name)) row.value[column] = *value;
    }
    if (row.value.empty()) continue;
    row.tuned_minus_base = compare(judged, kBase, kTuned, metric.name, seed);
    row.tuned_minus_search = compare(judged, kSearch, kTuned, metric.name, seed);
    out.comparisons.push_back(std::move(row));
  }
}

// Over all parts but unseen, where refusing is as right as answering.
void add_refusal_precision(Evaluation& out) {
  Comparison row{"all", {"refusal_precision", "refusal precision", Better::Higher, Shown::Percent}, {}, {}, {}, 0, 0};
  for (const char* column : kColumns) {
    RefusalCounts counts;
    for (const EvaluatedItem& item : out.items) {
      const auto answer = item.answers.find(column);
      if (answer == item.answers.end() || item.part == "unseen") continue;
      const bool unanswerable = item.part == "refusal";
      ++(unanswerable ? counts.n_unanswerable : counts.n_answerable);
      if (answer->second.refused) ++(unanswerable ? counts.refused_unanswerable : counts.refused_answerable);
    }
    if (counts.n_unanswerable == 0) continue;
    row.n_items = counts.n_unanswerable + counts.n_answerable;
    if (const auto precision = counts.precision()) row.value[column] = *precision;
  }
  if (!row.value.empty()) out.comparisons.push_back(std::move(row));
}

json counts_of(Database& db, const char* stage) {
  const auto run = last_stage_run(db, stage);
  if (!run || run->state != "done") return json::object();
  json counts = try_parse_json(run->counts);
  return counts.is_object() ? counts : json::object();
}

void add_funnel(Database& db, Evaluation& out) {
  const json generated = counts_of(db, "generate"), curated = counts_of(db, "curate");
  if (generated.contains("asked") && generated["asked"].get<double>() > 0)
    out.funnel.push_back({"asked", generated["asked"].get<double>()});
  for (const char* step : {"parsed", "well formed", "grounded", "distinct", "understood", "kept"}) {
    const auto found = curated.find(std::string("funnel ") + step);
    if (found != curated.end() && found->is_number() && !out.funnel.empty())
      out.funnel.push_back({step, found->get<double>()});
  }
  for (const auto& [name, value] : curated.items()) {
    constexpr std::string_view kPrefix = "rejected ";
    if (!name.starts_with(kPrefix) || !value.is_number()) continue;
    out.rejected.push_back({replace_all(name.substr(kPrefix.size()), "_", " "), value.get<double>()});
  }
  std::stable_sort(out.rejected.begin(), out.rejected.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
}

void add_lengths(Database& db, Evaluation& out) {
  constexpr std::pair<const char*, const char*> kRows[] = {
      {"train_pairs", "training pairs"},
      {"tokens", "tokens"},
      {"labelled_tokens", "tokens with a label"},
      {"longest", "tokens of the longest pair"},
      {"openings", "pairs that train only the opening of their answer"},
      {"left_out", "pairs left out as too long"},
      {"epoch_packs", "packs in an epoch"}};
  const json counts = counts_of(db, "train");
  if (!counts.contains("labelled_tokens")) return;
  for (const auto& [key, label] : kRows) out.trained_on.push_back({label, counts.value(key, 0.0)});
  out.trained_on.push_back({"pairs cut", 0});
  out.trained_on.push_back({"percent of a pack in use", 100 * counts.value("pack_fill", 0.0)});
}

}  // namespace

LossCurve read_loss_curve(const fs::path& metrics_jsonl) {
  LossCurve curve;
  if (metrics_jsonl.empty() || !fs::exists(metrics_jsonl)) return curve;
  const std::string text = read_file(metrics_jsonl);
  for (const std::string_view line : split(text, '\n')) {
    const json row = try_parse_json(line);
    if (!row.is_object() || !row.contains("step") || !row["step"].is_number()) continue;
    const double step = row["step"].get<double>();
    if (const auto loss = row.find("loss"); loss != row.end() && loss->is_number())
      curve.train.emplace_back(step, loss->get<double>());
    if (const auto loss = row.find("validation_loss"); loss != row.end() && loss->is_number())
      curve.validation.emplace_back(step, loss->get<double>());
  }
  return curve;
}

Evaluation measure(Database& db, const std::string& run, const TestMaterial& material, const EvaluateOptions& options) {
  Evaluation out;
  out.run = run;
  out.topic = options.topic;
  out.max_tokens = options.max_tokens;
  std::map<RowId, std::map<std::string, GivenAnswer>> answers;
  for (const AnswerRow& row : list_answers(db, run)) answers[row.pair_id][row.model] = given_answer(row);
  for (const TestItem& item : material.items()) {
    EvaluatedItem entry;
    entry.pair_id = item.pair.id;
    entry.part = item.pair.part;
    entry.question = item.pair.question;
    entry.reference = item.pair.answer;
    entry.answers = answers[item.pair.id];
    material.add_source(item, entry);
    out.items.push_back(std::move(entry));
  }
  std::map<std::string, std::vector<Judged>> parts;
  for (std::size_t i = 0; i < out.items.size(); ++i)
    parts[out.items[i].part].push_back({&out.items[i], &material.items()[i].cluster});
  for (const char* part : {"reworded", "unseen", "refusal", "gold"}) {
    if (parts.contains(part)) compare_part(part, parts[part], options.seed, out);
  }
  add_refusal_precision(out);
  add_funnel(db, out);
  add_lengths(db, out);
  out.loss = read_loss_curve(options.training_metrics);
  return out;
}

}  // namespace faqsmith
