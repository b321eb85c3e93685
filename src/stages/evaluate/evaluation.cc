// How figures are shown, the same in the terminal and in the report.
#include "stages/evaluate/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "text/unicode.h"

namespace faqsmith {
namespace {

using Cells = std::array<std::string, 7>;  // part, metric, base, tuned, difference, greedy, search

std::string pad(const std::string& text, std::size_t width) {
  const std::size_t n = count_code_points(text);
  return n >= width ? text : text + std::string(width - n, ' ');
}

std::string cell(const Comparison& row, const char* column) {
  const auto found = row.value.find(column);
  return found == row.value.end() ? "–" : show_value(row.metric, found->second);
}

std::string difference_cell(const Comparison& row) {
  if (!row.tuned_minus_base) return "";
  const PairedDifference& d = *row.tuned_minus_base;
  const char* mark = verdict(row) > 0 ? "  better" : verdict(row) < 0 ? "  worse" : "";
  return fmt::format("{} [{}, {}]{}", show_difference(row.metric, d.difference), show_difference(row.metric, d.low),
                     show_difference(row.metric, d.high), mark);
}

}  // namespace

const Comparison* find_comparison(const Evaluation& evaluation, const std::string& part, const std::string& metric) {
  for (const Comparison& row : evaluation.comparisons) {
    if (row.part == part && row.metric.name == metric) return &row;
  }
  return nullptr;
}

std::string show_value(const Metric& metric, double value) {
  return metric.shown == Shown::Percent ? fmt::format("{:.0f}%", 100 * value) : fmt::format("{:.3f}", value);
}

std::string show_difference(const Metric& metric, double value) {
  const char* sign = value < 0 ? "−" : "+";
  return metric.shown == Shown::Percent ? fmt::format("{}{:.0f} pp", sign, 100 * std::abs(value))
                                        : fmt::format("{}{:.3f}", sign, std::abs(value));
}

int verdict(const Comparison& comparison) {
  if (!comparison.tuned_minus_base || comparison.metric.better == Better::Neither) return 0;
  const PairedDifference& d = *comparison.tuned_minus_base;
  if (d.n_clusters < 2 || (d.low <= 0 && d.high >= 0)) return 0;
  const bool up = d.low > 0;
  return up == (comparison.metric.better == Better::Higher) ? 1 : -1;
}

std::vector<std::string> table_lines(const Evaluation& evaluation) {
  std::vector<Cells> rows = {{"part", "metric", "base", "tuned", "tuned − base [95%]", "greedy", "search"}};
  std::string last_part;
  for (const Comparison& row : evaluation.comparisons) {
    std::string part;
    if (row.part != last_part) part = row.part == "all" ? "all" : fmt::format("{} ({})", row.part, row.n_items);
    last_part = row.part;
    rows.push_back({part, row.metric.label, cell(row, kBase), cell(row, kTuned), difference_cell(row),
                    cell(row, kGreedy), cell(row, kSearch)});
  }
  std::array<std::size_t, std::tuple_size_v<Cells>> width{};
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], count_code_points(row[i]));
  }
  std::vector<std::string> lines;
  for (const Cells& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += pad(row[i], width[i] + 2);
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace faqsmith
