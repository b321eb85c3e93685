// Coordinates with one decimal: the same evaluation gives the same bytes.
#include "stages/evaluate/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "stages/evaluate/html.h"

namespace faqsmith {
namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr std::size_t kMaxPoints = 240;  // of a drawn line; more are averaged

Points averaged(const Points& points) {
  if (points.size() <= kMaxPoints) return points;
  Points out;
  const std::size_t group = (points.size() + kMaxPoints - 1) / kMaxPoints;
  for (std::size_t begin = 0; begin < points.size(); begin += group) {
    const std::size_t end = std::min(points.size(), begin + group);
    double x = 0, y = 0;
    for (std::size_t i = begin; i < end; ++i) {
      x += points[i].first;
      y += points[i].second;
    }
    const auto n = static_cast<double>(end - begin);
    out.emplace_back(x / n, y / n);
  }
  return out;
}

struct Scale {
  double low, high;  // of the data
  double from, to;   // of the picture
  [[nodiscard]] double operator()(double v) const { return from + (v - low) / (high - low) * (to - from); }
};

Scale scale_of(double low, double high, double from, double to) {
  return {low, high > low ? high : low + 1, from, to};
}

std::string polyline(const Points& points, const Scale& x, const Scale& y, const char* style) {
  std::string path;
  for (const auto& [a, b] : points) path += fmt::format("{:.1f},{:.1f} ", x(a), y(b));
  return fmt::format("<polyline class=\"{}\" points=\"{}\"/>", style, path);
}

void include(const Points& points, double& low, double& high) {
  for (const auto& [x, y] : points) {
    low = std::min(low, y);
    high = std::max(high, y);
  }
}

std::string axes(const Scale& x, const Scale& y, double left, double right, double bottom) {
  std::string out;
  for (const double tick : round_ticks(y.low, y.high, 5)) {
    out += fmt::format("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", left, right,
                       y(tick), y(tick));
    out += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>", left - 8,
                       y(tick) + 4, tick);
  }
  for (const double tick : round_ticks(x.low, x.high, 7))
    out += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:g}</text>", x(tick),
                       bottom + 18, tick);
  return out;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int wanted) {
  const double range = high - low;
  if (!(range > 0) || !std::isfinite(range) || wanted < 1) return {low};
  const double raw = range / wanted, power = std::pow(10.0, std::floor(std::log10(raw)));
  const double ratio = raw / power;
  const double step = power * (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
  std::vector<double> out;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i)
    out.push_back(i * step + 0.0);  // + 0.0: no "-0"
  return out;
}

std::string funnel_chart(const std::vector<FunnelStep>& steps) {
  if (steps.empty()) return "";
  constexpr double kRow = 34, kLeft = 96, kWidth = 290;
  const double most =
      std::max_element(steps.begin(), steps.end(), [](auto& a, auto& b) { return a.count < b.count; })->count;
  const double height = kRow * static_cast<double>(steps.size());
  std::string out = fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 500 {:.0f}\" role=\"img\" aria-label=\"From asked to kept wordings\">",
      height);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double y = kRow * static_cast<double>(i),
                 width = most > 0 ? std::max(2.0, kWidth * steps[i].count / most) : 2.0;
    const double share = steps[0].count > 0 ? 100 * steps[i].count / steps[0].count : 0;
    out += fmt::format("<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 12,
                       y + 21, escape_html(steps[i].label));
    out += fmt::format("<rect class=\"bar{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"24\" rx=\"4\"/>",
                       i + 1 == steps.size() ? " last" : "", kLeft, y + 4, width);
    out += fmt::format(
        "<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{:.0f}<tspan class=\"dim\" dx=\"8\">{:.0f}%</tspan></text>",
        kLeft + width + 10, y + 21, steps[i].count, share);
  }
  return out + "</svg>";
}

std::string loss_chart(const LossCurve& curve) {
  if (curve.empty()) return "";
  constexpr double kLeft = 56, kRight = 700, kTop = 14, kBottom = 250;
  const Points train = averaged(curve.train);
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest(), last_step = 1;
  include(train, low, high);
  include(curve.validation, low, high);
  for (const Points* points : {&train, &curve.validation}) {
    if (!points->empty()) last_step = std::max(last_step, points->back().first);
  }
  const Scale x = scale_of(0, last_step, kLeft, kRight), y = scale_of(std::min(0.0, low), high * 1.05, kBottom, kTop);
  std::string out =
      "<svg class=\"chart\" viewBox=\"0 0 720 290\" role=\"img\" aria-label=\"Loss a token against steps\">";
  out += axes(x, y, kLeft, kRight, kBottom);
  if (!train.empty()) out += polyline(train, x, y, "train-line");
  if (!curve.validation.empty()) {
    out += polyline(curve.validation, x, y, "validation-line");
    for (const auto& [step, loss] : curve.validation)
      out += fmt::format("<circle class=\"validation-dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.2\"/>", x(step), y(loss));
    const auto best = std::min_element(curve.validation.begin(), curve.validation.end(),
                                       [](auto& a, auto& b) { return a.second < b.second; });
    out += fmt::format("<circle class=\"best-dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"6.5\"/>", x(best->first),
                       y(best->second));
  }
  out += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"286\" text-anchor=\"middle\">step</text>",
                     (kLeft + kRight) / 2);
  return out + "</svg>";
}

std::string gain_chart(const Comparison& row) {
  constexpr double kLeft = 6, kRight = 194;
  const auto base = row.value.find(kBase), tuned = row.value.find(kTuned), search = row.value.find(kSearch);
  if (base == row.value.end() || tuned == row.value.end()) return "";
  const double most = std::max({1.0, base->second, tuned->second, search == row.value.end() ? 0.0 : search->second});
  const Scale x = scale_of(0, most, kLeft, kRight);
  std::string out = "<svg class=\"gain\" viewBox=\"0 0 200 20\" aria-hidden=\"true\">";
  out += fmt::format("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"10\" y2=\"10\"/>", kLeft, kRight);
  if (row.tuned_minus_base) {
    const double from = x(std::clamp(base->second + row.tuned_minus_base->low, 0.0, most));
    const double to = x(std::clamp(base->second + row.tuned_minus_base->high, 0.0, most));
    out += fmt::format("<rect class=\"band\" x=\"{:.1f}\" y=\"4\" width=\"{:.1f}\" height=\"12\" rx=\"3\"/>", from,
                       std::max(1.0, to - from));
  }
  if (search != row.value.end())
    out += fmt::format("<line class=\"search-mark\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"3\" y2=\"17\"/>",
                       x(search->second));
  out += fmt::format("<line class=\"link\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"10\" y2=\"10\"/>", x(base->second),
                     x(tuned->second));
  out += fmt::format("<circle class=\"base-dot\" cx=\"{:.1f}\" cy=\"10\" r=\"4.5\"/>", x(base->second));
  out += fmt::format("<circle class=\"tuned-dot\" cx=\"{:.1f}\" cy=\"10\" r=\"5\"/>", x(tuned->second));
  return out + "</svg>";
}

}  // namespace faqsmith
