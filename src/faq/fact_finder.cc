// From units to facts. The order of decisions: which unit opens an answer, how far it grows, whether it is worth asking
// for.
#include "faq/fact_finder.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/hash.h"
#include "base/strings.h"
#include "faq/privacy.h"
#include "faq/question_forms.h"
#include "faq/question_shape.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

using Units = std::vector<Unit>;

// Openings that point back at the sentence before.
constexpr std::array kDangling = {"this",
                                  "it",
                                  "they",
                                  "these",
                                  "those",
                                  "that",
                                  "he",
                                  "she",
                                  "such",
                                  "however",
                                  "therefore",
                                  "thus",
                                  "also",
                                  "but",
                                  "and",
                                  "instead",
                                  "otherwise",
                                  "then",
                                  "additionally",
                                  "moreover",
                                  "furthermore",
                                  "hence",
                                  "its",
                                  "their",
                                  "both",
                                  "or",
                                  "similarly",
                                  "in addition",
                                  "as a result",
                                  "for this",
                                  "for example",
                                  "in this case",
                                  "in that case",
                                  "so",
                                  "here",
                                  "the former",
                                  "the latter",
                                  "another",
                                  "note that this",
                                  "because of this",
                                  "rather",
                                  "indeed",
                                  "finally",
                                  "meanwhile",
                                  "further",
                                  "yet",
                                  "still",
                                  "even then",
                                  "once you have done"};
// Sentences that only lead elsewhere.
constexpr std::array kPointingElsewhere = {"for more information",
                                           "for more details",
                                           "see section",
                                           "see also",
                                           "see the section",
                                           "refer to section",
                                           "please refer to",
                                           "please see",
                                           "click here",
                                           "table of contents",
                                           "copyright",
                                           "all rights reserved",
                                           "for details, see",
                                           "for further information",
                                           "see chapter",
                                           "more information can be found",
                                           "see [",
                                           "learn more"};

// Words that point to another place of the document: the sentence does not stand alone.
constexpr std::array kElsewhere = {
    " above",        " below",          "in this section",  "this document", "this page",         "this chapter",
    "this appendix", "this readme",     "previous section", "next section",  "table of contents", "this table",
    "this figure",   "following table", "following figure", "as follows",    "this format"};

std::size_t count_of(std::string_view text, std::string_view needle) {
  std::size_t n = 0;
  for (std::size_t at = text.find(needle); at != std::string_view::npos; at = text.find(needle, at + needle.size()))
    ++n;
  return n;
}

bool points_within_document(std::string_view answer) {
  const std::string lower = lower_ascii(answer);
  if (std::any_of(kElsewhere.begin(), kElsewhere.end(),
                  [&lower](std::string_view phrase) { return lower.find(phrase) != std::string::npos; }))
    return true;
  // "the following steps" is fine together with the steps.
  return lower.find("the following") != std::string::npos && lower.find('\n') == std::string::npos;
}

bool starts_with_phrase(std::string_view lower, const auto& phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [lower](std::string_view phrase) {
    return lower.starts_with(phrase) &&
           (lower.size() == phrase.size() || std::isalpha(static_cast<unsigned char>(lower[phrase.size()])) == 0);
  });
}

std::string opening(std::string_view text) {
  return lower_ascii(squeeze(text.substr(0, 120)));
}

bool dangles(const Unit& unit) {
  return unit.kind == UnitKind::Sentence && starts_with_phrase(opening(unit.text), kDangling);
}
// A page or column that begins inside a sentence: "of system cards to provide insight …".
bool torn_open(const Unit& unit) {
  const std::string_view text = unit.kind == UnitKind::Item ? trim(unit.text.substr(1)) : unit.text;
  if (text.empty() || text[0] < 'a' || text[0] > 'z') return false;
  const std::vector<std::string> words = words_of(text.substr(0, 40));
  return !words.empty() && is_stop_word(words.front());
}
bool points_elsewhere(const Unit& unit) {
  return starts_with_phrase(opening(unit.text), kPointingElsewhere);
}
// A table's row of labels or figures says nothing without its header; a row of sentences does.
bool bare_row(const Unit& unit) {
  if (unit.kind != UnitKind::Row) return false;
  const std::vector<std::string> words = words_of(unit.text);
  return std::set<std::string>(words.begin(), words.end()).size() < 4 * count_of(unit.text, "|");
}

// What a removed link leaves behind: "… can be found in".
bool breaks_off(std::string_view answer) {
  constexpr std::array kOpenEnds = {"in",  "at", "to", "the", "of", "with", "from", "by",
                                    "see", "a",  "an", "for", "on", "and",  "or"};
  const std::vector<std::string> words = words_of(answer);
  return !words.empty() && std::find(kOpenEnds.begin(), kOpenEnds.end(), words.back()) != kOpenEnds.end();
}

// The title of what comes next: a few words in a paragraph of their own that end like no sentence.
bool is_label(const Unit& unit) {
  return unit.kind == UnitKind::Sentence && words_of(unit.text).size() <= 5 && !unit.text.ends_with('.') &&
         !unit.text.ends_with('!') && !unit.text.ends_with('?') && !unit.text.ends_with(')');
}

bool introduces(const Unit& unit) {
  return unit.kind == UnitKind::Sentence && unit.text.ends_with(':');
}

// Letters among what is no white space: link lists, rulers and number tables have few.
double letter_share(std::string_view text) {
  std::size_t letters = 0, others = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isspace(byte) != 0) continue;
    (std::isalpha(byte) != 0 || byte >= 0x80 ? letters : others) += 1;
  }
  return letters == 0 ? 0.0 : static_cast<double>(letters) / static_cast<double>(letters + others);
}

// Says something by itself: enough words of its own, mostly prose.
bool substantive(std::string_view answer) {
  const std::size_t n_words = words_of(answer).size();
  const std::set<std::string> telling = stems_of(answer);
  if (n_words < 5 || telling.size() < 3 || letter_share(answer) < 0.55) return false;
  // A row of figures says nothing without its table.
  const std::vector<std::string> words = words_of(answer);
  const auto figures = std::count_if(words.begin(), words.end(),
                                     [](const std::string& word) { return word[0] >= '0' && word[0] <= '9'; });
  if (figures * 4 > static_cast<std::ptrdiff_t>(n_words)) return false;
  return count_of(answer, "http") * 8 <= n_words + 4 && !looks_like_injection(answer);
}

// A stretch of units [begin, end) that grows while it fits.
struct Window {
  std::size_t begin = 0, end = 0;
};

// The last heading; one that ends in a pronoun ("How to run it") says what it means by the heading above.
std::string own_question(const std::vector<std::string>& path) {
  if (path.empty()) return "";
  std::string heading = bare_heading(path.back());
  if (path.size() < 2 || words_of(heading).size() > 6) return heading;
  const bool asks = heading.ends_with("?");
  const std::string body = asks ? heading.substr(0, heading.size() - 1) : heading;
  for (const std::string_view pronoun : {" it", " this", " them"})
    if (body.ends_with(pronoun))
      return body.substr(0, body.size() - pronoun.size() + 1) + bare_heading(path[path.size() - 2]) + (asks ? "?" : "");
  return heading;
}

class Finder {
 public:
  Finder(const SectionRow& section, const FactRules& rules)
      : section_(section), rules_(rules), units_(units_of(section.text)) {
    for (Unit& unit : units_)
      for (const std::string_view mark : {"A: ", "A. ", "Answer: "})
        if (unit.text.starts_with(mark)) unit.text.remove_prefix(mark.size());
  }

  std::vector<FoundFact> run(Place place) {
    const std::string heading = own_question(section_.heading_path);
    if (is_question_heading(heading)) {
      // What carries on an answer is not what the question asks for first; it only adds facts if they are wanted.
      if (place == Place::Opens) harvest(heading, 0, units_.size());
      if (place == Place::CarriesOn && rules_.more_facts > 0) windows(0, units_.size(), rules_.more_facts);
    } else if (!harvest_inside()) {
      windows(0, units_.size(), quota());
    }
    return std::move(found_);
  }

 private:
  int quota() const {
    const auto tokens = static_cast<int>(std::min<std::int64_t>(section_.n_tokens, 1 << 20));
    return std::max(1, (tokens + rules_.tokens_per_fact - 1) / std::max(1, rules_.tokens_per_fact));
  }

  std::string_view text_of(const Window& window) const {
    const char* begin = units_[window.begin].text.data();
    const std::string_view last = units_[window.end - 1].text;
    return {begin, static_cast<std::size_t>(last.data() + last.size() - begin)};
  }
  std::string answer_of(const Window& window) const { return readable(text_of(window)); }
  bool fits(const Window& window) const { return rules_.count_tokens(answer_of(window)) <= rules_.answer_max_tokens; }

  // Grows a window from unit begin while whole units fit; an introduction is kept only together with what it
  // introduces.
  Window grow(std::size_t begin, std::size_t limit, std::size_t max_sentences) const {
    Window window{begin, begin};
    std::size_t sentences = 0;
    for (std::size_t i = begin; i < limit; ++i) {
      if (points_elsewhere(units_[i]) && i > begin) break;
      if (units_[i].kind == UnitKind::Sentence && ++sentences > max_sentences) break;
      const Window wider{begin, i + 1};
      if (!fits(wider)) break;
      window = wider;
    }
    while (window.end > window.begin + 1 && introduces(units_[window.end - 1])) --window.end;
    return window;
  }

  void add(const Window& window, std::string_view origin, std::string_view question) {
    FoundFact found;
    found.fact.section_id = section_.id;
    found.fact.origin = origin;
    found.fact.quote = std::string(text_of(window));
    found.fact.answer = answer_of(window);
    found.fact.heading = question.empty() ? heading_text(section_.heading_path) : std::string(question);
    found.fact.key = sha256_hex(section_.hash + "\n" + found.fact.quote).substr(0, 32);
    found.question = question;
    found_.push_back(std::move(found));
  }

  // A question and the units that answer it: the first fact opens the answer, more_facts follow.
  void harvest(std::string_view question, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Window window = grow(i, end, 16);
      if (window.end == window.begin || (introduces(units_[window.begin]) && window.end == window.begin + 1)) continue;
      const std::string answer = answer_of(window);
      if (words_of(answer).empty() || looks_like_injection(answer) || breaks_off(answer)) continue;
      add(window, "harvest", question);
      if (rules_.more_facts > 0) windows(window.end, end, rules_.more_facts);
      return;
    }
  }

  static std::string inner_question(const Unit& unit) {
    if (unit.kind == UnitKind::Code || unit.kind == UnitKind::Row) return "";
    std::string text = readable(unit.text);
    for (const std::string_view mark : {"Q: ", "Q. ", "Question: "}) {
      if (!text.starts_with(mark)) continue;
      text = trim(text.substr(mark.size()));
      if (text.ends_with(":")) text.pop_back();
      return words_of(text).size() >= 2 && words_of(text).size() <= 40 ? text : "";  // marked as one, whatever its form
    }
    text = bare_heading(text);
    return text.ends_with("?") && words_of(text).size() <= 40 && is_question_heading(text) ? text : "";
  }

  // Questions that stand as paragraphs or list items, each answered by what follows. False: this text is no FAQ.
  bool harvest_inside() {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i + 1 < units_.size(); ++i) {
      const bool opens_block = i == 0 || units_[i].block != units_[i - 1].block || units_[i].kind == UnitKind::Item;
      if (opens_block && !inner_question(units_[i]).empty()) places.push_back(i);
    }
    if (places.size() < 2) return false;  // a single rhetorical question makes no FAQ
    for (std::size_t p = 0; p < places.size(); ++p) {
      const std::size_t end = p + 1 < places.size() ? places[p + 1] : units_.size();
      harvest(inner_question(units_[places[p]]), places[p] + 1, end);
    }
    return true;
  }

  // Windows of one to three sentences, or of list items, that stand on their own.
  void windows(std::size_t begin, std::size_t end, int most) {
    int taken = 0;
    std::size_t i = begin;
    while (i < end && taken < most) {
      const std::size_t start = i++;
      if (!may_open(units_[start])) continue;
      const Window window = window_at(start, end);
      if (window.end == window.begin || !worth(window)) continue;
      add(window, "quoted", "");
      i = window.end;
      ++taken;
    }
  }

  static bool may_open(const Unit& unit) {
    if (unit.kind == UnitKind::Code || bare_row(unit) || torn_open(unit) || dangles(unit) || points_elsewhere(unit))
      return false;
    return letter_share(unit.text) >= 0.5 && count_of(unit.text, "http") * 6 <= words_of(unit.text).size();
  }

  Window window_at(std::size_t start, std::size_t end) const {
    Window window = grow(start, end, 3);
    // What the next sentence points back at belongs to this window; one sentence that stands alone is enough otherwise.
    std::size_t keep = window.begin;
    std::size_t tokens = 0;
    for (std::size_t i = window.begin; i < window.end; ++i) {
      const bool starts_anew = i > window.begin && !dangles(units_[i]) && units_[i].block != units_[i - 1].block &&
                               !introduces(units_[i - 1]) && units_[i].kind == UnitKind::Sentence;
      if (starts_anew && (tokens >= 12 || is_label(units_[i]))) break;
      tokens += words_of(units_[i].text).size();
      keep = i + 1;
    }
    window.end = keep;
    while (window.end > window.begin + 1 && (introduces(units_[window.end - 1]) || is_label(units_[window.end - 1])))
      --window.end;
    return window;
  }

  bool worth(const Window& window) const {
    if (introduces(units_[window.begin]) && window.end == window.begin + 1) return false;
    const std::string answer = answer_of(window);
    return substantive(answer) && !points_within_document(answer) && !breaks_off(answer);
  }

  const SectionRow& section_;
  const FactRules& rules_;
  Units units_;
  std::vector<FoundFact> found_;
};

}  // namespace

std::string heading_text(const std::vector<std::string>& heading_path) {
  std::vector<std::string> bare;
  for (const std::string& heading : heading_path) {
    const std::string text = bare_heading(heading);
    if (!text.empty() && (bare.empty() || bare.back() != text)) bare.push_back(text);
  }
  return join(bare, " > ");
}

std::vector<FoundFact> find_facts(const SectionRow& section, const FactRules& rules, Place place) {
  std::vector<FoundFact> found = Finder(section, rules).run(place);
  // The same sentence twice in one section is one fact.
  std::set<std::string> seen;
  std::erase_if(found, [&seen](const FoundFact& fact) { return !seen.insert(fact.fact.key).second; });
  return found;
}

}  // namespace faqsmith
