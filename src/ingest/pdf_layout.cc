// Geometry only; no words are looked at except digits and the title of a table of contents.
#include "ingest/pdf_layout.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"

namespace faqsmith {
namespace {

constexpr double kMargin = 0.14;        // of the page's height: where headers and footers stand
constexpr double kEdge = 0.05;          // where nothing else stands: twice is enough
constexpr double kSameHeight = 3.0;     // points
constexpr double kRepeatedShare = 0.3;  // of all pages
constexpr double kEnoughPages = 3.0;    // a running title may change with the chapter
constexpr int kMinEntries = 5;          // of a table of contents
constexpr int kMinColumnLines = 5;

std::string digits_as_sign(std::string_view text) {
  std::string out;
  for (const char c : lower_ascii(text)) {
    if (c >= '0' && c <= '9') {
      if (!out.ends_with('#')) out += '#';
    } else {
      out += c;
    }
  }
  return out;
}

bool in_margin(const PdfPage& page, const PdfLine& line) {
  return line.middle() < page.height * kMargin || line.middle() > page.height * (1 - kMargin);
}

bool at_edge(const PdfPage& page, const PdfLine& line) {
  return line.middle() < page.height * kEdge || line.middle() > page.height * (1 - kEdge);
}

bool is_page_number(std::string_view text) {
  const std::string sign = digits_as_sign(trim(text));
  return sign == "#" || sign == "- # -" || sign == "page #" || sign == "page # of #" || sign == "# of #" ||
         sign == "# / #" || sign == "#/#" || sign == "| #";
}

bool ends_with_number(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.back())) != 0;
}

// "Installation ........ 12"
bool has_leader(std::string_view text) {
  return ends_with_number(text) &&
         (text.find("....") != std::string_view::npos || text.find(". . . .") != std::string_view::npos);
}

std::int64_t drop_contents(PdfPage& page) {
  const auto n_entries =
      std::count_if(page.lines.begin(), page.lines.end(), [](const PdfLine& l) { return ends_with_number(l.text); });
  const bool titled = std::any_of(page.lines.begin(), page.lines.end(), [](const PdfLine& l) {
    const std::string lower = lower_ascii(trim(l.text));
    return lower == "contents" || lower == "table of contents";
  });
  if (titled && n_entries >= kMinEntries) {
    page.lines.clear();
    return 1;
  }
  const auto n_leaders =
      std::count_if(page.lines.begin(), page.lines.end(), [](const PdfLine& l) { return has_leader(l.text); });
  if (n_leaders < kMinEntries) return 0;
  std::erase_if(page.lines, [](const PdfLine& l) { return has_leader(l.text); });
  return 1;
}

struct Columns {
  bool found = false;
  double gutter = 0;  // where the right column begins
};

bool is_left(const PdfLine& line, double gutter) {
  return line.x_max <= gutter + 1;
}
bool is_right(const PdfLine& line, double gutter) {
  return line.x_min >= gutter - 1;
}

// The place that the most lines start at on the right while hardly a line crosses it.
Columns find_columns(const PdfPage& page) {
  Columns best;
  std::ptrdiff_t best_score = 0;
  std::set<int> tried;
  for (const PdfLine& candidate : page.lines) {
    if (candidate.x_min < page.width * 0.3 || candidate.x_min > page.width * 0.75) continue;
    if (!tried.insert(static_cast<int>(candidate.x_min / 4)).second) continue;
    const double gutter = candidate.x_min - 2;
    std::ptrdiff_t left = 0, right = 0, across = 0;
    for (const PdfLine& line : page.lines) {
      if (is_left(line, gutter)) {
        ++left;
      } else if (is_right(line, gutter)) {
        ++right;
      } else {
        ++across;
      }
    }
    const std::ptrdiff_t score = std::min(left, right) * 2 - across;
    if (std::min(left, right) < kMinColumnLines || score <= best_score) continue;
    best_score = score;
    best = {true, gutter};
  }
  return best;
}

bool overlaps(const PdfLine& a, const PdfLine& b) {
  return a.y_min < b.y_max - 1 && b.y_min < a.y_max - 1;
}

}  // namespace

PdfFurniture drop_furniture(std::vector<PdfPage>& pages) {
  PdfFurniture dropped;
  std::map<std::pair<std::string, int>, std::set<std::size_t>> seen;  // text and height -> pages
  const auto key = [](const PdfLine& line, int shift) {
    return std::pair(digits_as_sign(line.text), static_cast<int>(std::lround(line.y_min / kSameHeight)) + shift);
  };
  for (std::size_t p = 0; p < pages.size(); ++p) {
    for (const PdfLine& line : pages[p].lines) {
      if (in_margin(pages[p], line)) seen[key(line, 0)].insert(p);
    }
  }
  const auto n_pages = [&](const PdfLine& line) {
    std::set<std::size_t> all;
    for (const int shift : {-1, 0, 1}) {
      const auto found = seen.find(key(line, shift));
      if (found != seen.end()) all.insert(found->second.begin(), found->second.end());
    }
    return all.size();
  };
  const auto needed =
      static_cast<std::size_t>(std::clamp(kRepeatedShare * static_cast<double>(pages.size()), 2.0, kEnoughPages));
  for (PdfPage& page : pages) {
    dropped.n_furniture += static_cast<std::int64_t>(std::erase_if(page.lines, [&](const PdfLine& line) {
      return in_margin(page, line) &&
             (is_page_number(line.text) || n_pages(line) >= (at_edge(page, line) ? 2 : needed));
    }));
    dropped.n_toc += drop_contents(page);
  }
  return dropped;
}

double find_body_size(const std::vector<PdfPage>& pages) {
  std::map<int, std::size_t> bytes_of;  // by tenths of a point
  for (const PdfPage& page : pages) {
    for (const PdfLine& line : page.lines) bytes_of[static_cast<int>(std::lround(line.size * 10))] += line.text.size();
  }
  const auto most = std::max_element(bytes_of.begin(), bytes_of.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes_of.end() ? 0.0 : most->first / 10.0;
}

void sort_reading_order(PdfPage& page, double body_size) {
  const auto higher = [](const PdfLine& a, const PdfLine& b) {
    if (std::abs(a.middle() - b.middle()) > 2) return a.middle() < b.middle();
    return a.x_min < b.x_min;
  };
  std::stable_sort(page.lines.begin(), page.lines.end(),
                   [](const PdfLine& a, const PdfLine& b) { return a.middle() < b.middle(); });
  const Columns columns = find_columns(page);
  if (!columns.found) {
    // Parts of one line come left to right; neighbours only, since "nearly as high" is no strict order.
    for (std::size_t i = 1; i < page.lines.size(); ++i) {
      for (std::size_t k = i; k > 0 && higher(page.lines[k], page.lines[k - 1]) && i - k < 16; --k)
        std::swap(page.lines[k], page.lines[k - 1]);
    }
    return;
  }
  std::vector<PdfLine> out, left, right;
  const auto end_columns = [&] {
    for (std::vector<PdfLine>* column : {&left, &right}) {
      std::move(column->begin(), column->end(), std::back_inserter(out));
      column->clear();
    }
  };
  for (std::size_t i = 0; i < page.lines.size(); ++i) {
    PdfLine& line = page.lines[i];
    if (is_right(line, columns.gutter)) {
      right.push_back(std::move(line));
      continue;
    }
    const bool across = !is_left(line, columns.gutter);
    const bool alone =
        line.size > body_size * 1.15 &&
        std::none_of(page.lines.begin(), page.lines.end(),
                     [&](const PdfLine& other) { return is_right(other, columns.gutter) && overlaps(line, other); }) &&
        std::none_of(right.begin(), right.end(), [&](const PdfLine& other) { return overlaps(line, other); });
    if (across || alone) {
      end_columns();
      out.push_back(std::move(line));
    } else {
      left.push_back(std::move(line));
    }
  }
  end_columns();
  page.lines = std::move(out);
}

}  // namespace faqsmith
