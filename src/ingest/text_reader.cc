// Two passes: lines become groups (separated by empty lines), each group becomes a heading, list items, code or a
// paragraph.
#include "ingest/text_reader.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "ingest/charset.h"
#include "ingest/normalize.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxHeading = 90;  // bytes
constexpr std::size_t kMinUnderline = 3;
constexpr std::size_t kCodeIndent = 4;
constexpr std::size_t kMinFurniture = 3;  // times a line must stand alone to be a page header

struct Line {
  std::string_view text;  // trimmed
  std::size_t indent = 0;
};

std::vector<Line> cut_lines(std::string_view text) {
  std::vector<Line> lines;
  for (const std::string_view raw : split(text, '\n')) {
    Line line;
    for (const char c : raw) {
      if (c == ' ') {
        ++line.indent;
      } else if (c == '\t') {
        line.indent += kCodeIndent;
      } else if (c != '\f') {
        break;
      }
    }
    line.text = trim(raw);
    while (!line.text.empty() && line.text.front() == '\f') line.text = trim(line.text.substr(1));
    lines.push_back(line);
  }
  return lines;
}

bool is_rule(std::string_view line) {
  if (line.size() < kMinUnderline || std::string_view("=-~*#_+^").find(line[0]) == std::string_view::npos) return false;
  return std::all_of(line.begin(), line.end(), [&](char c) { return c == line[0]; });
}

bool is_capitals(std::string_view line) {
  int upper = 0;
  for (const char c : line) {
    if (c >= 'a' && c <= 'z') return false;
    if (c < 0) return false;
    upper += c >= 'A' && c <= 'Z';
  }
  constexpr int kMinLetters = 4;
  return upper >= kMinLetters;
}

// How deep "2.1.3 Name" stands; 0: the line has no such number.
int number_depth(std::string_view line) {
  if (line.empty() || line[0] < '0' || line[0] > '9') return 0;
  int depth = 0;
  std::size_t i = 0;
  while (i < line.size()) {
    const std::size_t begin = i;
    while (i < line.size() && line[i] >= '0' && line[i] <= '9') ++i;
    if (i == begin) break;
    ++depth;
    if (i < line.size() && line[i] == '.') {
      ++i;
    } else {
      break;
    }
  }
  const bool spaced = i < line.size() && line[i] == ' ';
  const bool dotted = i > 0 && (line[i - 1] == '.' || depth > 1);
  return spaced && dotted ? depth : 0;
}

bool ends_sentence(std::string_view line) {
  return line.ends_with('.') || line.ends_with(';') || line.ends_with(',');
}

// A group of one line that is a heading: its level.
std::optional<int> heading_level(std::string_view line) {
  if (line.size() > kMaxHeading) return std::nullopt;
  if (const int depth = number_depth(line); depth > 0 && (!ends_sentence(line) || is_question(line))) {
    const std::string name = strip_heading_number(line);
    if (!name.empty() && !(name[0] >= 'a' && name[0] <= 'z')) return std::min(depth + 1, 6);
  }
  if (is_capitals(line) && !ends_sentence(line)) return 2;
  if (lower_ascii(line.substr(0, 8)).starts_with("chapter ")) return 1;
  if (is_question(line) && line.ends_with('?')) return 6;
  return std::nullopt;
}

// Length of "- ", "* ", "• ", "1. ", "a) ", "(iv) " at the start; 0: no list item.
std::size_t item_marker(std::string_view line) {
  for (const std::string_view mark : {"- ", "* ", "+ ", "o ", "\xE2\x80\xA2 ", "\xE2\x80\x93 "}) {
    if (line.starts_with(mark)) return mark.size();
  }
  std::size_t i = line.starts_with('(') ? 1 : 0;
  const std::size_t begin = i;
  constexpr std::size_t kLongest = 4;
  const auto is_label = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  while (i < line.size() && i - begin < kLongest && is_label(line[i])) ++i;
  if (i == begin || i + 1 >= line.size() || (line[i] != '.' && line[i] != ')') || line[i + 1] != ' ') return 0;
  const bool number = line[begin] >= '0' && line[begin] <= '9';
  const bool roman = lower_ascii(line.substr(begin, i - begin)).find_first_not_of("ivxl") == std::string::npos;
  return number || roman || i - begin == 1 ? i + 2 : 0;
}

// "Additional Terms. If, on the date …": the words before the first full stop, if they are written like a title.
std::string_view clause_title(std::string_view text) {
  constexpr std::size_t kLongest = 70, kShortWord = 4;
  const std::size_t stop = text.find('.');
  if (stop == std::string_view::npos || stop == 0 || stop > kLongest) return {};
  if (stop + 1 < text.size() && text[stop + 1] != ' ') return {};
  for (const std::string_view word : split(text.substr(0, stop), ' ')) {
    const bool capital = !word.empty() && ((word[0] >= 'A' && word[0] <= 'Z') || word[0] == '/');
    if (!capital && word.size() >= kShortWord) return {};
  }
  return text.substr(0, stop);
}

// Joins a wrapped line to what stands before it. A word cut at its hyphen stays hyphenated: plain text cuts only at
// real ones.
void join_line(std::string& text, std::string_view line) {
  if (!text.empty() && !text.ends_with('-')) text += ' ';
  text += line;
}

class TextReader {
 public:
  explicit TextReader(DocumentBuilder& builder) : builder_(builder) {}
  void read(std::string_view text) {
    lines_ = cut_lines(text);
    mark_furniture();
    for (std::size_t at = 0; at < lines_.size();) {
      std::size_t end = at;
      while (end < lines_.size() && !lines_[end].text.empty()) ++end;
      if (end > at) read_group(at, end);
      at = end + 1;
    }
  }

 private:
  // Lines that come again and again, alone between empty lines, are page headers.
  void mark_furniture() {
    std::map<std::string_view, std::vector<std::size_t>> alone;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const bool before = i == 0 || lines_[i - 1].text.empty();
      const bool after = i + 1 == lines_.size() || lines_[i + 1].text.empty();
      if (before && after && !lines_[i].text.empty()) alone[lines_[i].text].push_back(i);
    }
    for (const auto& [text, places] : alone) {
      if (places.size() < kMinFurniture || is_question(text)) continue;
      builder_.drop(dropped::kFurniture, static_cast<std::int64_t>(places.size()));
      for (const std::size_t i : places) lines_[i].text = {};
    }
  }

  void add(BlockKind kind, std::string text, int level = 0) {
    Block block;
    block.kind = kind;
    block.text = std::move(text);
    block.level = level;
    builder_.add(std::move(block));
  }

  // Lines [begin, end) without an empty one.
  void read_group(std::size_t begin, std::size_t end) {
    while (begin < end && is_rule(lines_[begin].text)) ++begin;
    while (end > begin && end - begin > 2 && is_rule(lines_[end - 1].text)) --end;
    if (begin == end) return;
    if (end - begin >= 2 && is_rule(lines_[begin + 1].text) && lines_[begin].text.size() <= kMaxHeading) {
      const char rule = lines_[begin + 1].text[0];
      add(BlockKind::Heading, std::string(lines_[begin].text), rule == '=' || rule == '#' || rule == '*' ? 1 : 2);
      if (begin + 2 < end) read_group(begin + 2, end);
      return;
    }
    if (const auto level = heading_level(lines_[begin].text); level && stands_alone(begin, end)) {
      add(BlockKind::Heading, std::string(lines_[begin].text), *level);
      if (begin + 1 < end) read_body(begin + 1, end);
      return;
    }
    read_body(begin, end);
  }

  // A heading is its own group, or a question with its answer right below.
  [[nodiscard]] bool stands_alone(std::size_t begin, std::size_t end) const {
    constexpr std::size_t kFewLines = 3;
    if (end - begin == 1) return true;
    if (is_capitals(lines_[begin].text) && end - begin <= kFewLines) return true;
    return lines_[begin].text.ends_with('?') && item_marker(lines_[begin + 1].text) == 0;
  }

  [[nodiscard]] bool is_code(std::size_t begin, std::size_t end) const {
    // Indented prose reads like prose: sentences. Code does not.
    int prose = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (lines_[i].indent < kCodeIndent) return false;
      const std::string_view text = lines_[i].text;
      const bool symbols = text.find_first_of("{}<>=$|\\/;") != std::string_view::npos;
      prose += !symbols || text.find(' ') == std::string_view::npos ? !symbols
                                                                    : std::count(text.begin(), text.end(), ' ') > 5;
    }
    return prose * 2 < static_cast<int>(end - begin);
  }

  void read_body(std::size_t begin, std::size_t end) {
    if (is_code(begin, end)) {
      std::size_t margin = lines_[begin].indent;
      for (std::size_t i = begin; i < end; ++i) margin = std::min(margin, lines_[i].indent);
      std::string code;
      for (std::size_t i = begin; i < end; ++i) {
        if (i > begin) code += '\n';
        code += std::string(lines_[i].indent - margin, ' ') + std::string(lines_[i].text);
      }
      add(BlockKind::Code, std::move(code));
      return;
    }
    std::string text;
    BlockKind kind = BlockKind::Paragraph;
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t marker = item_marker(lines_[i].text);
      if (marker > 0 && i == begin && read_clause(begin, end, marker)) return;
      if (marker > 0 && (i == begin || kind == BlockKind::ListItem || text.ends_with(':'))) {
        if (!text.empty()) add(kind, std::move(text), kind == BlockKind::ListItem ? 1 : 0);
        text = lines_[i].text.substr(marker);
        kind = BlockKind::ListItem;
      } else {
        join_line(text, lines_[i].text);
      }
    }
    if (!text.empty()) add(kind, std::move(text), kind == BlockKind::ListItem ? 1 : 0);
  }

  // A numbered clause with its title in the line: "2. Additional Terms. If …" (contracts, licences).
  bool read_clause(std::size_t begin, std::size_t end, std::size_t marker) {
    const std::string_view line = lines_[begin].text;
    const std::string_view title = clause_title(line.substr(marker));
    const bool number = line[0] >= '0' && line[0] <= '9';
    const bool letter = marker == 3;  // "a. "
    if (title.empty() || (!number && !letter)) return false;
    add(BlockKind::Heading, std::string(title), number ? 2 : 3);
    std::string text(trim(line.substr(marker + title.size() + 1)));
    for (std::size_t i = begin + 1; i < end; ++i) join_line(text, lines_[i].text);
    if (!text.empty()) add(BlockKind::Paragraph, std::move(text));
    return true;
  }

  DocumentBuilder& builder_;
  std::vector<Line> lines_;
};

}  // namespace

Document read_text(std::string_view bytes) {
  DocumentBuilder builder;
  Counts counts;
  const std::string utf8 = to_utf8(bytes, "", counts);
  for (const auto& [name, n] : counts) builder.drop(name, n);
  TextReader(builder).read(utf8);
  return builder.finish();
}

}  // namespace faqsmith
