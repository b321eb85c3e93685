// Mirrors evaluation.h; the format is described in docs/FORMATS.md.
#include "stages/evaluate/report_json.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

Json difference(const std::optional<PairedDifference>& d) {
  if (!d) return nullptr;
  return {{"difference", d->difference},
          {"low", d->low},
          {"high", d->high},
          {"items", d->n_items},
          {"facts", d->n_clusters}};
}

const char* better_name(Better better) {
  return better == Better::Higher ? "higher" : better == Better::Lower ? "lower" : "neither";
}

Json comparison_json(const Comparison& row) {
  Json out = {{"part", row.part},
              {"metric", row.metric.name},
              {"better", better_name(row.metric.better)},
              {"items", row.n_items},
              {"facts", row.n_facts}};
  for (const char* column : kColumns) {
    const auto value = row.value.find(column);
    out[column] = value == row.value.end() ? Json(nullptr) : Json(value->second);
  }
  out["tuned_minus_base"] = difference(row.tuned_minus_base);
  out["tuned_minus_search"] = difference(row.tuned_minus_search);
  return out;
}

Json item_json(const EvaluatedItem& item) {
  Json out = {{"pair", item.pair_id}, {"part", item.part}, {"question", item.question}, {"reference", item.reference}};
  out["source"] =
      item.quote.empty() ? Json(nullptr) : Json{{"file", item.file}, {"heading", item.heading}, {"quote", item.quote}};
  out["answers"] = Json::object();
  for (const auto& [column, answer] : item.answers)
    out["answers"][column] = {{"text", answer.text}, {"refused", answer.refused}, {"values", answer.values}};
  return out;
}

Json steps_json(const std::vector<FunnelStep>& steps) {
  Json out = Json::array();
  for (const FunnelStep& step : steps) out.push_back({{"name", step.label}, {"count", step.count}});
  return out;
}

}  // namespace

std::string report_json(const Evaluation& evaluation) {
  Json out = {{"format", "faqsmith-evaluation-1"}, {"run", evaluation.run},     {"base", evaluation.base_id},
              {"tuned", evaluation.tuned_id},      {"topic", evaluation.topic}, {"max_tokens", evaluation.max_tokens}};
  for (const char* list : {"comparisons", "items"}) out[list] = Json::array();
  for (const Comparison& row : evaluation.comparisons) out["comparisons"].push_back(comparison_json(row));
  for (const EvaluatedItem& item : evaluation.items) out["items"].push_back(item_json(item));
  out["funnel"] = steps_json(evaluation.funnel);
  out["rejected"] = steps_json(evaluation.rejected);
  out["trained_on"] = steps_json(evaluation.trained_on);
  out["loss"] = {{"train", evaluation.loss.train}, {"validation", evaluation.loss.validation}};
  return json_text(out, 1) + "\n";
}

}  // namespace faqsmith
