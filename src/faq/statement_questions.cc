// Patterns over the words of one sentence. Every pattern checks that the subject can stand without the document.
#include "faq/statement_questions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <set>

#include "base/strings.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

constexpr std::array kPronouns = {
    "it",    "they", "this", "these", "those",   "that",  "he",      "she",     "we",    "you",
    "there", "i",    "one",  "here",  "which",   "who",   "what",    "some",    "many",  "most",
    "all",   "both", "each", "such",  "another", "if",    "to",      "when",    "for",   "in",
    "as",    "by",   "on",   "at",    "with",    "from",  "however", "please",  "also",  "then",
    "and",   "but",  "or",   "our",   "its",     "their", "because", "since",   "while", "although",
    "note",  "see",  "yes",  "no",    "finally", "first", "second",  "instead", "after", "before"};

bool in(std::string_view word, const auto& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string upper_start(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

// "The model" becomes "the model" inside a question; names keep their capital.
std::string inside(std::string_view phrase) {
  std::string text(phrase);
  const std::string lower = lower_ascii(text);
  for (const std::string_view article : {"the ", "a ", "an ", "each ", "every ", "all "})
    if (lower.starts_with(article)) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string before_mark(std::string_view text) {
  const std::size_t end = text.find_first_of(",;:(.");
  return std::string(trim(text.substr(0, end)));
}

// "the first", "the latter", "Table 3": they name something only beside the text around them.
bool points_elsewhere(std::vector<std::string> words) {
  constexpr std::array kArticles = {"the", "a", "an"};
  constexpr std::array kPlaces = {"first", "second", "third", "last", "latter", "former", "following", "above", "below",
                                  "other", "others", "same",  "next", "two",    "three",  "one",       "ones"};
  constexpr std::array kNumbered = {"table",   "figure", "fig",      "section", "chapter",
                                    "example", "step",   "appendix", "page"};
  if (in(words.front(), kArticles)) words.erase(words.begin());
  if (std::all_of(words.begin(), words.end(), [&](const std::string& word) { return in(word, kPlaces); })) return true;
  return words.size() == 2 && in(words[0], kNumbered) && std::isdigit(static_cast<unsigned char>(words[1][0])) != 0;
}

bool good_subject(std::string_view subject) {
  const std::vector<std::string> words = words_of(subject);
  if (words.empty() || words.size() > 7 || subject.find_first_of(",;:()\"`|") != std::string_view::npos) return false;
  if (points_elsewhere(words)) return false;
  // A subject holds no verb of its own ("any filter should …") and does not begin inside a sentence ("of cards …").
  constexpr std::array kModals = {"should", "must", "can", "may", "will", "would", "could", "might", "to"};
  if (std::any_of(words.begin(), words.end(), [&](const std::string& word) { return in(word, kModals); })) return false;
  const bool lower = subject[0] >= 'a' && subject[0] <= 'z';
  return !in(words.front(), kPronouns) && !(lower && is_stop_word(words.front())) && !content_words(subject).empty();
}

// "What is Control mechanisms?" is no English; good enough a rule for the plural.
bool is_plural(std::string_view name) {
  const std::string lower = lower_ascii(trim(name));
  return lower.ends_with("s") && !lower.ends_with("ss") && !lower.ends_with("us") && !lower.ends_with("is");
}

struct Verb {
  std::string_view middle;    // stands between subject and rest
  std::string_view question;  // "{}" is the subject
};
constexpr std::array kVerbs = {
    Verb{" is used to ", "What is {} used for?"},
    Verb{" are used to ", "What are {} used for?"},
    Verb{" is used for ", "What is {} used for?"},
    Verb{" can be used to ", "What can {} be used for?"},
    Verb{" is intended for ", "What is {} intended for?"},
    Verb{" are intended for ", "What are {} intended for?"},
    Verb{" is called ", "What is {} called?"},
    Verb{" consists of ", "What does {} consist of?"},
    Verb{" contains ", "What does {} contain?"},
    Verb{" contain ", "What do {} contain?"},
    Verb{" includes ", "What does {} include?"},
    Verb{" include ", "What do {} include?"},
    Verb{" provides ", "What does {} provide?"},
    Verb{" provide ", "What do {} provide?"},
    Verb{" supports ", "What does {} support?"},
    Verb{" support ", "What do {} support?"},
    Verb{" requires ", "What does {} require?"},
    Verb{" require ", "What do {} require?"},
    Verb{" uses ", "What does {} use?"},
    Verb{" allows ", "What does {} allow?"},
    Verb{" means ", "What does {} mean?"},
    Verb{" must ", "What must {} do?"},
    Verb{" is ", "What is {}?"},
    Verb{" are ", "What are {}?"},
    Verb{" was ", "What was {}?"},
    Verb{" were ", "What were {}?"},
};

// "was pretrained on 2 trillion tokens" asks "What was … pretrained on?"; a participle without a preposition asks
// nothing sure. nullopt: no passive.
std::optional<std::string> passive(std::string_view auxiliary, std::string_view subject, std::string_view rest) {
  const std::vector<std::string> words = words_of(rest.substr(0, 80));
  if (words.empty() || !words[0].ends_with("ed")) return std::nullopt;
  constexpr std::array kPrepositions = {"on", "in", "for", "with", "to", "by", "from", "into", "as", "at"};
  if (words.size() < 3 || !in(words[1], kPrepositions)) return "";
  const std::string what = words[1] == "in" || words[1] == "at" ? "Where " : "What ";
  const std::string tail = what == "Where " ? "" : " " + words[1];
  return what + std::string(trim(auxiliary)) + " " + inside(subject) + " " + words[0] + tail + "?";
}

void subject_verb(std::string_view sentence, std::vector<std::string>& out) {
  std::size_t first = std::string_view::npos;
  const Verb* best = nullptr;
  for (const Verb& verb : kVerbs) {
    const std::size_t at = sentence.find(verb.middle);
    if (at == std::string_view::npos || at >= first) continue;
    first = at;
    best = &verb;
  }
  if (best == nullptr || !good_subject(sentence.substr(0, first))) return;
  const bool copula =
      best->middle == " is " || best->middle == " are " || best->middle == " was " || best->middle == " were ";
  if (copula) {
    if (const auto question =
            passive(best->middle, sentence.substr(0, first), sentence.substr(first + best->middle.size()))) {
      if (!question->empty()) out.push_back(*question);
      return;
    }
  }
  out.push_back(replace_all(std::string(best->question), "{}", inside(sentence.substr(0, first))));
}

// "To X, Y.", "If X, Y.", "You can X by Y.", "In order to X, Y."
void goal_first(std::string_view sentence, std::vector<std::string>& out) {
  const std::string lower = lower_ascii(sentence);
  const std::size_t comma = sentence.find(',');
  for (const std::string_view opening : {"in order to ", "to "}) {
    if (!lower.starts_with(opening) || comma == std::string_view::npos || comma < opening.size() + 5) continue;
    const std::string_view goal = sentence.substr(opening.size(), comma - opening.size());
    if (words_of(goal).size() <= 12) out.push_back("How do I " + std::string(goal) + "?");
    return;
  }
  if (lower.starts_with("if you ") && comma != std::string_view::npos &&
      words_of(sentence.substr(7, comma - 7)).size() <= 14) {
    std::string goal(sentence.substr(7, comma - 7));
    for (const std::string_view wish : {"want to ", "would like to ", "wish to ", "need to "})
      if (lower_ascii(goal).starts_with(wish)) {
        out.push_back("How do I " + goal.substr(wish.size()) + "?");
        return;
      }
    out.push_back("What should I do if I " + goal + "?");
    return;
  }
  if (lower.starts_with("you can ")) {
    std::string_view rest = sentence.substr(8);
    for (const std::string_view means : {" by ", " with ", " using ", " via ", " through "}) {
      const std::size_t at = rest.find(means);
      if (at != std::string_view::npos) rest = rest.substr(0, at);
    }
    const std::string goal = before_mark(rest);
    if (words_of(goal).size() >= 2 && words_of(goal).size() <= 12) out.push_back("How can I " + goal + "?");
  }
}

// "X: Y" where X is a short label, as in bold definitions and tables of two columns.
void label(std::string_view sentence, std::vector<std::string>& out) {
  for (const std::string_view mark : {": ", " - "}) {
    const std::size_t at = sentence.find(mark);
    if (at == std::string_view::npos || at + mark.size() + 8 > sentence.size()) continue;
    const std::string_view name = trim(sentence.substr(0, at));
    if (words_of(name).size() > 5 || !good_subject(name)) continue;
    out.push_back((is_plural(name) ? "What are " : "What is ") + inside(name) + "?");
    return;
  }
}

}  // namespace

std::vector<std::string> statement_questions(std::string_view answer, std::size_t most) {
  std::vector<std::string> out;
  for (const Unit& unit : units_of(answer)) {
    std::string text = squeeze(unit.text);
    if (text.starts_with("- ")) text = text.substr(2);
    if (unit.kind == UnitKind::Code || text.size() < 12) continue;
    std::vector<std::string> found;
    goal_first(text, found);
    if (found.empty()) label(text, found);
    if (found.empty()) subject_verb(text, found);
    for (std::string& question : found) out.push_back(upper_start(std::move(question)));
  }
  std::set<std::string> seen;
  std::erase_if(out, [&seen](const std::string& question) { return !seen.insert(lower_ascii(question)).second; });
  if (out.size() > most) out.resize(most);
  return out;
}

// What nobody searches by: adverbs, participles, verbs of every text.
bool is_filler(std::string_view word) {
  constexpr std::array kFillers = {"several",   "rather",   "include", "includes", "without", "while",   "apply",
                                   "provide",   "provides", "allow",   "allows",   "various", "general", "make",
                                   "many",      "most",     "more",    "level",    "such",    "further", "certain",
                                   "different", "whether",  "within",  "please",   "outline"};
  return in(word, kFillers) || word.ends_with("ly") || word.ends_with("ed") || word.ends_with("ing");
}

std::string search_words(std::string_view heading, std::string_view answer) {
  std::vector<std::string> telling = content_words(answer);
  std::erase_if(telling, [](const std::string& word) {
    return word.size() < 3 || is_filler(word) || word.find('/') != std::string::npos || word.starts_with("http") ||
           word.starts_with("www");
  });
  if (telling.size() < 3) return "";
  // Names and long words first, in their order of appearance.
  const std::set<std::string> names = names_of(answer);
  std::vector<std::string> chosen;
  std::set<std::string> seen;
  for (const bool want_names : {true, false})
    for (const std::string& word : telling)
      if (chosen.size() < 4 && names.contains(word) == want_names && (want_names || word.size() >= 5) &&
          seen.insert(stem(word)).second)
        chosen.push_back(word);
  std::vector<std::string> ordered;
  for (const std::string& word : content_words(heading))
    if (ordered.size() < 3 && !seen.contains(stem(word))) ordered.push_back(word);
  for (const std::string& word : telling)
    if (std::find(chosen.begin(), chosen.end(), word) != chosen.end() &&
        std::find(ordered.begin(), ordered.end(), word) == ordered.end())
      ordered.push_back(word);
  return chosen.size() < 2 ? "" : join(ordered, " ");
}

}  // namespace faqsmith
