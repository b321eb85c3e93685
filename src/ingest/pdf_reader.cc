// The child's answer becomes boxes; ordered lines become headings, list items and paragraphs.
#include "ingest/pdf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "ingest/normalize.h"
#include "ingest/pdf_layout.h"
#include "text/unicode.h"

namespace faqsmith {
namespace {

constexpr double kHeadingFactor = 1.12;   // times the body's size
constexpr std::size_t kMaxHeading = 120;  // bytes
constexpr std::size_t kMaxHeadingLines = 3;
constexpr double kSameSize = 0.08;      // difference within one paragraph, as a share of the size
constexpr double kParagraphGap = 1.25;  // times the usual distance of two lines of that size

int size_key(double size) {
  return static_cast<int>(std::lround(size * 2));
}  // half points

struct Placed {
  PdfLine line;
  int page = 0;
};

// Bullets and numbers at the start of a line; 0: none.
std::size_t marker_length(std::string_view text) {
  for (const std::string_view mark : {"\xE2\x80\xA2", "\xE2\x96\xAA", "\xE2\x97\x8F", "\xE2\x97\x8B", "\xE2\x96\xA0",
                                      "\xEF\x82\xB7", "\xE2\x80\x93 ", "- ", "\xE2\x9C\x93"}) {
    if (text.starts_with(mark)) {
      std::size_t n = mark.size();
      while (n < text.size() && text[n] == ' ') ++n;
      return n;
    }
  }
  std::size_t i = 0;
  while (i < text.size() && i < 3 && text[i] >= '0' && text[i] <= '9') ++i;
  if (i > 0 && i + 1 < text.size() && (text[i] == '.' || text[i] == ')') && text[i + 1] == ' ') return i + 2;
  return 0;
}

bool ends_sentence(std::string_view text) {
  while (!text.empty() && (text.back() == '"' || text.back() == ')' || text.ends_with("\xE2\x80\x9D"))) {
    text.remove_suffix(text.back() == '"' || text.back() == ')' ? 1 : 3);
  }
  return text.ends_with('.') || text.ends_with('!') || text.ends_with('?') || text.ends_with(':') ||
         text.ends_with(';');
}

bool starts_lower(std::string_view text) {
  return !text.empty() && text[0] >= 'a' && text[0] <= 'z';
}

std::string bare_word(std::string_view word) {
  while (!word.empty() && std::ispunct(static_cast<unsigned char>(word.back()))) word.remove_suffix(1);
  while (!word.empty() && std::ispunct(static_cast<unsigned char>(word.front()))) word.remove_prefix(1);
  return lower_ascii(word);
}

class PdfText {
 public:
  explicit PdfText(PdfBoxes boxes) : boxes_(std::move(boxes)) {}
  Document run() {
    std::int64_t n_hidden = 0;
    for (const PdfPage& page : boxes_.pages) n_hidden += page.n_hidden;
    builder_.drop(dropped::kHidden, n_hidden);
    const PdfFurniture furniture = drop_furniture(boxes_.pages);
    builder_.drop(dropped::kFurniture, furniture.n_furniture);
    builder_.drop(dropped::kToc, furniture.n_toc);
    body_size_ = find_body_size(boxes_.pages);
    place_lines();
    learn_words_and_gaps();
    group_lines();
    add_groups();
    if (boxes_.title.find('.') == std::string::npos) builder_.set_title(boxes_.title);  // "x.docx" is no title
    return builder_.finish();
  }

 private:
  struct Group {
    std::vector<Placed> lines;
    bool heading = false;
  };

  void place_lines() {
    for (std::size_t p = 0; p < boxes_.pages.size(); ++p) {
      sort_reading_order(boxes_.pages[p], body_size_);
      for (PdfLine& line : boxes_.pages[p].lines) lines_.push_back({std::move(line), static_cast<int>(p) + 1});
      boxes_.pages[p].lines.clear();
    }
  }

  // Distances between lines by size, and all words that stand whole in a line.
  void learn_words_and_gaps() {
    std::map<int, std::vector<double>> gaps;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const std::vector<std::string_view> parts = split(lines_[i].line.text, ' ');
      for (std::size_t w = 0; w + 1 < parts.size(); ++w) words_.insert(bare_word(parts[w]));
      if (i == 0) continue;
      const double gap = lines_[i].line.y_min - lines_[i - 1].line.y_min;
      const bool same =
          lines_[i].page == lines_[i - 1].page && size_key(lines_[i].line.size) == size_key(lines_[i - 1].line.size);
      if (same && gap > 0 && gap < 3 * lines_[i].line.size) gaps[size_key(lines_[i].line.size)].push_back(gap);
    }
    for (auto& [key, all] : gaps) {
      std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
      leading_[key] = all[all.size() / 2];
    }
  }

  [[nodiscard]] bool continues(const Placed& before, const Placed& line) const {
    // A bold word is a little higher than its neighbours.
    const bool same_size = std::abs(before.line.size - line.line.size) <= kSameSize * line.line.size;
    if (!same_size) return false;
    if (marker_length(line.line.text) > 0) return false;
    const double gap = line.line.y_min - before.line.y_min;
    const auto usual = leading_.find(size_key(line.line.size));
    const double limit = (usual == leading_.end() ? 1.5 * line.line.size : usual->second) * kParagraphGap;
    const bool next_below = before.page == line.page && gap >= -2 && gap <= limit;
    // A paragraph goes on in the next column or on the next page if its sentence does.
    const bool jump = before.page != line.page || gap < -2;
    return next_below || (jump && !ends_sentence(before.line.text) &&
                          (starts_lower(line.line.text) || before.line.text.ends_with('-')));
  }

  void group_lines() {
    for (Placed& placed : lines_) {
      if (groups_.empty() || !continues(groups_.back().lines.back(), placed)) groups_.emplace_back();
      groups_.back().lines.push_back(std::move(placed));
    }
    std::erase_if(groups_, [](const Group& group) { return count_letters(group) == 0; });  // numerals as ornaments
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      Group& group = groups_[i];
      group.heading = is_heading(group) || is_plain_heading(i);
      if (group.heading) heading_sizes_.insert(size_key(group.lines[0].line.size));
    }
  }

  [[nodiscard]] bool is_heading(const Group& group) const {
    const std::string text = text_of(group);
    constexpr std::size_t kMinLetters = 3;
    if (count_letters(group) < kMinLetters) return false;
    if (text.size() > kMaxHeading || group.lines.size() > kMaxHeadingLines || !has_words(text)) return false;
    if (is_question(text) && text.ends_with('?') && group.lines.size() <= 2) return true;
    const bool open_end = text.ends_with('.') || text.ends_with(',') || text.ends_with(';');
    if (open_end || starts_lower(text) || marker_length(text) > 0) return numbered_heading(text);
    return group.lines[0].line.size > body_size_ * kHeadingFactor || numbered_heading(text);
  }

  static std::size_t count_letters(const Group& group) {
    std::size_t n = 0;
    for (const Placed& placed : group.lines) {
      n += static_cast<std::size_t>(std::count_if(placed.line.text.begin(), placed.line.text.end(), [](char c) {
        return c < 0 || std::isalpha(static_cast<unsigned char>(c)) != 0;
      }));
    }
    return n;
  }

  // A short line of the body's size above a paragraph that begins at the same margin: bold on the page, which the boxes
  // do not say.
  [[nodiscard]] bool is_plain_heading(std::size_t i) const {
    constexpr std::size_t kShort = 80;
    if (i == 0 || i + 1 >= groups_.size() || groups_[i].lines.size() > 1) return false;
    const Placed& line = groups_[i].lines[0];
    const Group& next = groups_[i + 1];
    const std::string& text = line.line.text;
    const bool open =
        ends_sentence(text) || text.ends_with(',') || text.find(' ') == std::string::npos || marker_length(text) > 0;
    if (text.size() > kShort || open || text[0] < 'A' || text[0] > 'Z') return false;
    const Placed& below = next.lines[0];
    return next.lines.size() >= 2 && below.page == line.page && std::abs(below.line.x_min - line.line.x_min) < 3 &&
           below.line.y_min > line.line.y_min && !starts_lower(below.line.text) &&
           marker_length(below.line.text) == 0 &&
           (groups_[i - 1].heading || ends_sentence(groups_[i - 1].lines.back().line.text));
  }

  // "2.1 Scope": at least two numbers, since "1. Open the lid" is a step.
  static bool numbered_heading(std::string_view text) {
    const std::string name = strip_heading_number(text);
    if (name.size() >= text.size() || text.ends_with('.')) return false;
    const std::string_view number = text.substr(0, text.find(' '));
    return number.find('.') != std::string_view::npos && number.find('.') + 1 < number.size() && number[0] >= '0' &&
           number[0] <= '9';
  }

  // Lines joined; a hyphen at a line's end goes if the whole word stands elsewhere, or if nothing speaks for keeping
  // it.
  [[nodiscard]] std::string text_of(const Group& group) const {
    std::string text;
    for (const Placed& placed : group.lines) {
      const std::string_view next = placed.line.text;
      if (text.ends_with('-') && !text.ends_with(" -") && starts_lower(next)) {
        const std::size_t begin = text.rfind(' ') + 1;  // npos + 1 = 0
        const std::string head = text.substr(begin, text.size() - begin - 1);
        const std::string tail(next.substr(0, next.find(' ')));
        const bool whole = words_.contains(bare_word(head + tail));
        const bool two_words = words_.contains(bare_word(head)) && words_.contains(bare_word(tail));
        const bool hyphened = two_words || words_.contains(bare_word(fmt::format("{}-{}", head, tail))) ||
                              head.find('-') != std::string::npos ||
                              (!head.empty() && !(head.back() >= 'a' && head.back() <= 'z'));
        if (whole || !hyphened) text.pop_back();
      } else if (!text.empty() && !text.ends_with('-')) {
        text += ' ';
      }
      text += next;
    }
    return text;
  }

  [[nodiscard]] int level_of(const Group& group) const {
    const int key = size_key(group.lines[0].line.size);
    int level = 1;
    for (auto size = heading_sizes_.rbegin(); size != heading_sizes_.rend() && *size > key; ++size) ++level;
    return std::min(level, 6);
  }

  void add_groups() {
    for (const Group& group : groups_) {
      Block block;
      block.page = group.lines[0].page;
      block.text = text_of(group);
      const std::size_t marker = marker_length(block.text);
      if (group.heading) {
        block.kind = BlockKind::Heading;
        block.level = level_of(group);
      } else if (marker > 0) {
        block.kind = BlockKind::ListItem;
        block.level = 1;
        block.text.erase(0, marker);
      }
      builder_.add(std::move(block));
    }
  }

  PdfBoxes boxes_;
  DocumentBuilder builder_;
  double body_size_ = 0;
  std::vector<Placed> lines_;
  std::vector<Group> groups_;
  std::map<int, double> leading_;
  std::set<int> heading_sizes_;
  std::set<std::string, std::less<>> words_;
};

std::string first_error(std::string_view errors) {
  for (const std::string_view line : split(errors, '\n')) {
    if (line.find("Warning") == std::string_view::npos && !trim(line).empty()) return std::string(trim(line));
  }
  return "";
}

std::string why_partial(const ConfinedResult& result, const PdfBoxes& boxes) {
  const std::size_t n = boxes.pages.size();
  switch (result.end) {
    case ConfinedEnd::TimeOut:
      return fmt::format("reading it took too long: only its first {} pages are used", n);
    case ConfinedEnd::TooMuchOutput:
      return fmt::format("it unpacks to too much text: only its first {} pages are used", n);
    case ConfinedEnd::Crashed:
    case ConfinedEnd::Denied:
      return fmt::format("its reader failed on it: only its first {} pages are used", n);
    case ConfinedEnd::Exited:
      break;
  }
  const std::string error = first_error(result.errors);
  if (!error.empty()) return "it is damaged, parts may be missing (" + error + ")";
  return result.exit_code != 0 || !boxes.complete ? "its end could not be read" : "";
}

[[noreturn]] void throw_unreadable(const ConfinedResult& result) {
  if (result.errors.find("Incorrect password") != std::string::npos ||
      result.errors.find("encrypted") != std::string::npos) {
    throw Error(Kind::Input, "the PDF is protected by a password", "save an unprotected copy");
  }
  switch (result.end) {
    case ConfinedEnd::TimeOut:
      throw Error(Kind::Input, "reading the PDF took too long", "print it to a new PDF, or leave it out");
    case ConfinedEnd::TooMuchOutput:
      throw Error(Kind::Input, "the PDF unpacks to too much text", "split it, or leave it out");
    case ConfinedEnd::Crashed:
    case ConfinedEnd::Denied:
      throw Error(Kind::Input, "the PDF is broken: its reader failed on it", "print it to a new PDF, or leave it out");
    case ConfinedEnd::Exited:
      break;
  }
  const std::string error = first_error(result.errors);
  if (result.exit_code != 0) {
    throw Error(Kind::Input, "the PDF is broken" + (error.empty() ? "" : ": " + error),
                "get the file again, or print it to a new PDF");
  }
  throw Error(Kind::Input, "the PDF has no text that a reader could see",
              "it may be scanned: run text recognition (OCR) on it first");
}

}  // namespace

Document document_of_boxes(PdfBoxes boxes) {
  return PdfText(std::move(boxes)).run();
}

Document read_pdf(std::string_view bytes, const ConfinedLimits& limits) {
  const ConfinedResult result = run_confined({"pdftotext", "-bbox-layout", "-", "-"}, bytes, limits);
  PdfBoxes boxes = parse_pdf_boxes(result.output);
  const std::string partial = why_partial(result, boxes);
  Document document = document_of_boxes(std::move(boxes));
  if (document.blocks.empty()) throw_unreadable(result);
  document.partial_reason = partial;
  return document;
}

}  // namespace faqsmith
