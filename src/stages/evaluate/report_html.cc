// The page from top to bottom: verdict, cards, comparison, where the training rows came from, loss, every answer.
#include "stages/evaluate/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "stages/evaluate/charts.h"
#include "stages/evaluate/html.h"
#include "stages/evaluate/report_style.h"

namespace faqsmith {
namespace {

constexpr std::array kParts = {"reworded", "unseen", "refusal", "gold"};

const char* part_title(const std::string& part) {
  if (part == "reworded") return "Reworded: trained facts, questions in words it never saw";
  if (part == "unseen") return "Unseen: facts that were held out of training";
  if (part == "refusal") return "Refusal: questions that the documents do not answer";
  if (part == "gold") return "Gold: your own questions and answers";
  return "Over all parts";
}

std::string value_cell(const Comparison& row, const char* column) {
  const auto value = row.value.find(column);
  return value == row.value.end() ? "–" : show_value(row.metric, value->second);
}

std::string interval(const Metric& metric, const PairedDifference& d) {
  return fmt::format("{} to {}", show_difference(metric, d.low), show_difference(metric, d.high));
}

std::string verdict_sentence(const Evaluation& evaluation) {
  for (const char* part : {"reworded", "gold", "unseen"}) {
    const Comparison* row = find_comparison(evaluation, part, "token_f1");
    if (row == nullptr || !row->tuned_minus_base) continue;
    const PairedDifference& d = *row->tuned_minus_base;
    const char* says = verdict(*row) > 0   ? "The training helped."
                       : verdict(*row) < 0 ? "The training made the answers worse."
                                           : "No difference can be shown yet.";
    return fmt::format(
        "<strong>{}</strong> On {} {} questions about {} facts, token F1 went from {:.3f} to {:.3f} ({}, 95% interval "
        "{}).",
        says, row->n_items, part, row->n_facts, d.mean_a, d.mean_b, show_difference(row->metric, d.difference),
        interval(row->metric, d));
  }
  return "There was nothing to compare answers with.";
}

std::string card(const Evaluation& evaluation, const char* part, const char* metric, const char* name) {
  const Comparison* row = find_comparison(evaluation, part, metric);
  if (row == nullptr || !row->value.contains(kTuned)) return "";
  std::string note = fmt::format("{} questions", row->n_items);
  if (row->value.contains(kSearch)) note += ", search alone " + value_cell(*row, kSearch);
  return fmt::format(
      "<div class=\"card\"><div class=\"name\">{}</div><div class=\"figures\"><span class=\"from\">{}</span> → <span "
      "class=\"to\">{}</span></div>"
      "<div class=\"note\">{}</div></div>",
      name, value_cell(*row, kBase), value_cell(*row, kTuned), note);
}

std::string cards(const Evaluation& evaluation) {
  const char* part = find_comparison(evaluation, "reworded", "token_f1") != nullptr ? "reworded" : "gold";
  return "<div class=\"cards\">" + card(evaluation, part, "token_f1", "Token F1") +
         card(evaluation, part, "own_fact", "Answers nearest to their own fact") +
         card(evaluation, "refusal", "refused", "Unanswerable questions refused") +
         card(evaluation, part, "refused", "Answerable questions refused") + "</div>";
}

std::string comparison_row(const Comparison& row) {
  std::string difference = "–", bounds;
  if (row.tuned_minus_base) {
    const int judged = verdict(row);
    difference = fmt::format("<span class=\"{}\">{}</span>",
                             judged > 0   ? "better"
                             : judged < 0 ? "worse"
                                          : "dim",
                             show_difference(row.metric, row.tuned_minus_base->difference));
    bounds = interval(row.metric, *row.tuned_minus_base);
  }
  const bool on_unit_scale = row.metric.name != "loss";
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td class=\"tuned\">{}</td><td>{}</td><td>{}</td><td>{}</td><td "
      "class=\"dim\">{}</td><td "
      "class=\"wide\">{}</td></tr>\n",
      escape_html(row.metric.label), value_cell(row, kBase), value_cell(row, kTuned), value_cell(row, kGreedy),
      value_cell(row, kSearch), difference, bounds, on_unit_scale ? gain_chart(row) : "");
}

std::string comparison_section(const Evaluation& evaluation) {
  std::string out =
      "<section><h2>Base against tuned</h2><p class=\"dim\">Intervals hold the true difference in 95 of 100 such tests "
      "(bootstrap over facts, " +
      std::to_string(kResamples) +
      " draws). Tuned is the bot as it answers: of the answers that the model considers, search over the trained facts "
      "helps to choose one. Greedy is the model's first answer, without that. Search alone returns the fact that "
      "full-text search ranks first.</p>"
      "<div class=\"legend\"><span><i class=\"k-base\"></i>base</span><span><i class=\"k-tuned\"></i>tuned, band: "
      "interval of the gain</span>"
      "<span><i class=\"k-search tick\"></i>search alone</span></div><div "
      "class=\"scroll\"><table><tr><th></th><th>base</th><th>tuned</th><th>greedy</th><th>search</th>"
      "<th>tuned − base</th><th>95% interval</th><th></th></tr>\n";
  std::string last;
  for (const Comparison& row : evaluation.comparisons) {
    if (row.part != last) {
      const std::string size = row.part == "all" ? ""
                                                 : fmt::format(" <span class=\"dim\">· {} questions, {} facts</span>",
                                                               row.n_items, row.n_facts);
      out += fmt::format("<tr class=\"part\"><td colspan=\"7\">{}{}</td></tr>\n", part_title(row.part), size);
    }
    last = row.part;
    out += comparison_row(row);
  }
  return out + "</table></div></section>\n";
}

std::string funnel_section(const Evaluation& evaluation) {
  if (evaluation.funnel.empty()) return "";
  std::string reasons;
  for (std::size_t i = 0; i < std::min<std::size_t>(8, evaluation.rejected.size()); ++i)
    reasons += fmt::format("<tr><td>{}</td><td>{:.0f}</td></tr>", escape_html(evaluation.rejected[i].label),
                           evaluation.rejected[i].count);
  return "<section><h2>From the teacher’s wordings to training rows</h2><p class=\"dim\">Each gate keeps what passes; "
         "a rejected wording keeps its reason in the "
         "workspace. A better teacher widens the middle of this funnel.</p><div class=\"split\"><div>" +
         funnel_chart(evaluation.funnel) +
         "</div><div class=\"scroll\"><table><tr><th>most frequent reasons</th><th>wordings</th></tr>" + reasons +
         "</table></div></div></section>\n";
}

std::string lengths_section(const Evaluation& evaluation) {
  if (evaluation.trained_on.empty()) return "";
  std::string rows;
  for (const FunnelStep& row : evaluation.trained_on)
    rows += fmt::format("<tr><td>{}</td><td>{:.0f}</td></tr>", escape_html(row.label), row.count);
  return "<section><h2>What was trained on</h2><div class=\"scroll\"><table>" + rows + "</table></div></section>\n";
}

std::string loss_section(const Evaluation& evaluation) {
  if (evaluation.loss.empty()) return "";
  return "<section><h2>Loss while training</h2><div class=\"legend\"><span><i "
         "class=\"k-base\"></i>training</span><span><i class=\"k-tuned\"></i>validation, "
         "ring: lowest</span></div>" +
         loss_chart(evaluation.loss) + "</section>\n";
}

double value_or(const EvaluatedItem& item, const char* column, const char* metric, double fallback) {
  const auto answer = item.answers.find(column);
  if (answer == item.answers.end()) return fallback;
  const auto value = answer->second.values.find(metric);
  return value == answer->second.values.end() ? fallback : value->second;
}

// 0: the tuned model did worst, 1: best. The list shows what to look at first.
double success(const EvaluatedItem& item) {
  return item.part == "refusal" ? value_or(item, kTuned, "refused", 0) : value_or(item, kTuned, "token_f1", 0);
}

std::string chips(const EvaluatedItem& item) {
  const auto tuned = item.answers.find(kTuned);
  if (tuned == item.answers.end()) return "";
  if (item.part == "refusal")
    return tuned->second.refused ? "<span class=\"chip good\">refused</span>"
                                 : "<span class=\"chip bad\">answered</span>";
  std::string out;
  if (tuned->second.refused) out += "<span class=\"chip bad\">refused</span>";
  const bool own = value_or(item, kTuned, "own_fact", 0) > 0.5;
  out += fmt::format("<span class=\"chip {}\">{}</span>", own ? "good" : "bad", own ? "own fact" : "other fact");
  out += fmt::format("<span class=\"chip\">F1 {:.2f} → {:.2f}</span>", value_or(item, kBase, "token_f1", 0),
                     value_or(item, kTuned, "token_f1", 0));
  return out;
}

std::string answer_box(const char* style, const std::string& title, const std::string& text) {
  return fmt::format("<div class=\"answer {}\"><h3>{}</h3><div class=\"said\" dir=\"auto\">{}</div></div>", style,
                     title, escape_html(text));
}

std::string item_block(const EvaluatedItem& item) {
  std::string out = fmt::format(
      "<details class=\"item p-{}\"><summary><span class=\"q\" dir=\"auto\">{}</span>{}</summary><div "
      "class=\"answers\">",
      escape_html(item.part), escape_html(item.question), chips(item));
  out += answer_box("r", "expected", item.reference);
  for (const char* column : {kTuned, kGreedy, kBase, kSearch}) {
    const auto answer = item.answers.find(column);
    if (answer == item.answers.end()) continue;
    std::string title = column;
    if (item.part != "refusal") title += fmt::format(" · F1 {:.2f}", value_or(item, column, "token_f1", 0));
    out += answer_box(column == std::string(kTuned) ? "t" : "", title, answer->second.text);
  }
  out += "</div>";
  if (!item.quote.empty())
    out += fmt::format("<div class=\"source\">Source: <code>{}</code>{}{}: <q dir=\"auto\">{}</q></div>",
                       escape_html(item.file), item.heading.empty() ? "" : " › ", escape_html(item.heading),
                       escape_html(item.quote));
  return out + "</details>\n";
}

std::string filters(const std::vector<std::string>& parts) {
  std::string inputs = "<input class=\"filter\" type=\"radio\" name=\"part\" id=\"f-all\" checked>",
              labels = "<label for=\"f-all\">all</label>", rules;
  rules = "#f-all:checked~.filters label[for=f-all]";
  for (const std::string& part : parts) {
    inputs += fmt::format("<input class=\"filter\" type=\"radio\" name=\"part\" id=\"f-{0}\">", part);
    labels += fmt::format("<label for=\"f-{0}\">{0}</label>", part);
    rules += fmt::format(",#f-{0}:checked~.filters label[for=f-{0}]", part);
  }
  rules += "{background:var(--ink);color:var(--card);border-color:var(--ink)}\n";
  for (const std::string& part : parts)
    rules += fmt::format("#f-{0}:checked~.list .item:not(.p-{0}){{display:none}}\n", part);
  return "<style>" + rules + "</style>" + inputs + "<div class=\"filters\">" + labels + "</div>";
}

std::string answers_section(const Evaluation& evaluation) {
  std::vector<std::string> parts;
  std::vector<const EvaluatedItem*> order;
  for (const char* part : kParts) {
    const std::size_t before = order.size();
    for (const EvaluatedItem& item : evaluation.items) {
      if (item.part == part) order.push_back(&item);
    }
    if (order.size() == before) continue;
    parts.emplace_back(part);
    std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(before), order.end(),
                     [](auto* a, auto* b) { return success(*a) < success(*b); });
  }
  std::string out = "<section><h2>Every answer, the weakest first</h2>" + filters(parts) + "<div class=\"list\">\n";
  for (const EvaluatedItem* item : order) out += item_block(*item);
  return out + "</div></section>\n";
}

}  // namespace

std::string report_html(const Evaluation& evaluation) {
  const std::string about = evaluation.topic.empty() ? "your documents" : evaluation.topic;
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri "
      "'none'; form-action 'none'\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n";
  out += "<title>What the bot learned about " + escape_html(about) + "</title>\n<style>" + kReportStyle +
         "</style></head>\n<body><main>\n";
  out += "<h1>What the bot learned about " + escape_html(about) + "</h1>\n";
  out += fmt::format("<p class=\"dim\">base <code>{}</code> · tuned <code>{}</code> · run <code>{}</code></p>\n",
                     escape_html(evaluation.base_id), escape_html(evaluation.tuned_id),
                     escape_html(evaluation.run.substr(0, 12)));
  out += "<p class=\"lead\">" + verdict_sentence(evaluation) + "</p>\n";
  out += cards(evaluation) + "\n" + comparison_section(evaluation) + funnel_section(evaluation) +
         lengths_section(evaluation) + loss_section(evaluation) + answers_section(evaluation);
  out += fmt::format(
      "<footer>Answers are greedy, at most {} tokens, with the bot’s own prompt. Validation questions are not part of "
      "this report. Token F1 as "
      "SQuAD counts it, ROUGE-L as rouge-score does. Unseen answers count as right from F1 {:.1f} "
      "on.</footer>\n</main></body></html>\n",
      evaluation.max_tokens, kRightTokenF1);
  return out;
}

}  // namespace faqsmith
