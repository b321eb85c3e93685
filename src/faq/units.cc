// Sentence and block boundaries by rule. Good for prose in languages that end sentences with . ! ? or their full-width
// forms.
#include "faq/units.h"

#include <array>
#include <cctype>

#include "base/strings.h"

namespace faqsmith {
namespace {

constexpr std::array kAbbreviations = {"e.g",  "i.e", "etc",    "vs",   "cf",   "mr",  "mrs", "ms",  "dr",
                                       "prof", "inc", "ltd",    "co",   "corp", "no",  "fig", "sec", "vol",
                                       "al",   "st",  "approx", "dept", "est",  "ver", "eg",  "ie",  "ca",
                                       "jan",  "feb", "aug",    "sep",  "oct",  "nov", "dec", "resp"};

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_alpha(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

// The word that ends just before position end, without opening brackets or quotes.
std::string_view word_before(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && !is_space(text[begin - 1])) --begin;
  while (begin < end && !is_alpha(text[begin]) && std::isdigit(static_cast<unsigned char>(text[begin])) == 0) ++begin;
  return text.substr(begin, end - begin);
}

bool is_abbreviation(std::string_view word) {
  if (word.size() == 1 && is_upper(word[0])) return true;  // an initial: "J. Doe"
  const std::string lower = lower_ascii(word);
  for (const std::string_view known : kAbbreviations)
    if (lower == known) return true;
  return false;
}

// Bytes of the terminator that starts at i: 1 for . ! ?, 3 for the ideographic ones, 0 if none is there.
std::size_t terminator_at(std::string_view text, std::size_t i) {
  if (text[i] == '.' || text[i] == '!' || text[i] == '?') return 1;
  const std::string_view three = text.substr(i, 3);
  return three == "\xE3\x80\x82" || three == "\xEF\xBC\x81" || three == "\xEF\xBC\x9F" ? 3 : 0;
}

// Skips closing quotes and brackets after a terminator.
std::size_t after_closers(std::string_view text, std::size_t i) {
  for (;;) {
    if (i < text.size() && (text[i] == '"' || text[i] == '\'' || text[i] == ')' || text[i] == ']')) {
      ++i;
    } else if (text.substr(i, 3) == "\xE2\x80\x9D" || text.substr(i, 3) == "\xE2\x80\x99") {
      i += 3;
    } else {
      return i;
    }
  }
}

// True if a sentence may start here: anything but a lower-case letter or punctuation that carries on.
bool may_start_sentence(std::string_view rest) {
  if (rest.empty()) return true;
  const char c = rest[0];
  if (c >= 'a' && c <= 'z') return false;
  return c != ',' && c != ';' && c != ')' && c != ':';
}

// "12" at the start of a paragraph numbers it; the dot after it ends nothing.
bool is_list_number(std::string_view text) {
  const std::string_view number = trim(text);
  return !number.empty() && number.size() <= 3 && number.find_first_not_of("0123456789") == std::string_view::npos;
}

bool ends_sentence(std::string_view text, std::size_t stop, std::size_t after) {
  if (after >= text.size()) return true;
  const bool wide = static_cast<unsigned char>(text[stop]) >= 0x80;
  if (!wide && !is_space(text[after])) return false;
  std::size_t next = after;
  while (next < text.size() && is_space(text[next])) ++next;
  if (!may_start_sentence(text.substr(next))) return false;
  return text[stop] != '.' || !is_abbreviation(word_before(text, stop));
}

bool is_fence(std::string_view line) {
  return trim(line).starts_with("```");
}
bool is_item(std::string_view line) {
  return trim(line).starts_with("- ");
}
bool is_row(std::string_view line) {
  const std::string_view text = trim(line);
  return text.find(" | ") != std::string_view::npos ||
         (text.starts_with("|") && text.ends_with("|") && text.size() > 2);
}

// Gathers units line by line; offsets into the section keep every unit a substring of it.
class Cutter {
 public:
  explicit Cutter(std::string_view section) : section_(section) {}

  std::vector<Unit> run() {
    std::size_t begin = 0;
    while (begin <= section_.size()) {
      std::size_t end = section_.find('\n', begin);
      if (end == std::string_view::npos) end = section_.size();
      line(begin, end);
      begin = end + 1;
    }
    close();
    return std::move(units_);
  }

 private:
  void line(std::size_t begin, std::size_t end) {
    const std::string_view text = section_.substr(begin, end - begin);
    if (open_ && kind_ == UnitKind::Code) {
      last_ = end;
      if (is_fence(text)) close();
      return;
    }
    if (is_fence(text)) return start(UnitKind::Code, begin, end);
    if (trim(text).empty()) return close();
    if (is_item(text)) return start(UnitKind::Item, begin, end);
    if (is_row(text)) return start(UnitKind::Row, begin, end);
    if (open_ && kind_ != UnitKind::Row) {
      last_ = end;
    } else {
      start(UnitKind::Sentence, begin, end);
    }
  }

  void start(UnitKind kind, std::size_t begin, std::size_t end) {
    close();
    const bool same_list = kind == previous_ && (kind == UnitKind::Item || kind == UnitKind::Row);
    if (!same_list) ++block_;
    open_ = true;
    kind_ = kind;
    first_ = begin;
    last_ = end;
  }

  void close() {
    if (!open_) return;
    open_ = false;
    previous_ = kind_;
    const std::string_view text = trim(section_.substr(first_, last_ - first_));
    if (text.empty()) return;
    if (kind_ != UnitKind::Sentence) {
      units_.push_back({kind_, text, block_});
      return;
    }
    for (const std::string_view sentence : sentences_of(text)) units_.push_back({kind_, sentence, block_});
  }

  std::string_view section_;
  std::vector<Unit> units_;
  bool open_ = false;
  UnitKind kind_ = UnitKind::Sentence, previous_ = UnitKind::Sentence;
  std::size_t first_ = 0, last_ = 0, block_ = 0;
};

}  // namespace

std::vector<std::string_view> sentences_of(std::string_view paragraph) {
  std::vector<std::string_view> sentences;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < paragraph.size();) {
    const std::size_t width = terminator_at(paragraph, i);
    if (width == 0) {
      ++i;
      continue;
    }
    const std::size_t after = after_closers(paragraph, i + width);
    if (ends_sentence(paragraph, i, after) && !is_list_number(paragraph.substr(begin, i - begin))) {
      const std::string_view sentence = trim(paragraph.substr(begin, after - begin));
      if (!sentence.empty()) sentences.push_back(sentence);
      begin = after;
    }
    i = after;
  }
  const std::string_view rest = trim(paragraph.substr(begin));
  if (!rest.empty()) sentences.push_back(rest);
  return sentences;
}

std::vector<Unit> units_of(std::string_view section) {
  return Cutter(section).run();
}

std::string squeeze(std::string_view text) {
  std::string out;
  bool space = false;
  for (const char c : text) {
    if (is_space(c)) {
      space = !out.empty();
      continue;
    }
    if (space) out += ' ';
    space = false;
    out += c;
  }
  return out;
}

std::string readable(std::string_view piece) {
  std::string out;
  bool in_code = false, new_line = false;
  for (const std::string_view line : split(piece, '\n')) {
    if (is_fence(line)) {
      in_code = !in_code;
      new_line = true;
      continue;
    }
    const std::string text = squeeze(line);
    if (text.empty()) {
      new_line = !out.empty();
      continue;
    }
    if (!out.empty()) out += new_line || in_code || is_item(line) || is_row(line) ? '\n' : ' ';
    new_line = is_row(line);
    out += text;
  }
  // A single item is a sentence like any other; several stay a list.
  if (out.starts_with("- ") && out.find("\n- ") == std::string::npos) out = out.substr(2);
  return out;
}

}  // namespace faqsmith
