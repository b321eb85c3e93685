// Shape rules for questions. Phrase lists are in lower case and matched on squeezed text.
#include "faq/question_shape.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "base/strings.h"
#include "faq/units.h"
#include "faq/words.h"
#include "text/token_f1.h"

namespace faqsmith {
namespace {

constexpr std::array kAskingStarts = {"how",    "what",  "why",     "when",   "where",   "which",    "who",   "whom",
                                      "whose",  "can",   "could",   "do",     "does",    "did",      "is",    "are",
                                      "was",    "were",  "will",    "would",  "should",  "may",      "must",  "have",
                                      "has",    "am",    "shall",   "tell",   "explain", "describe", "give",  "show",
                                      "list",   "name",  "define",  "what's", "where's", "who's",    "how's", "isn't",
                                      "aren't", "don't", "doesn't", "can't",  "whats"};
constexpr std::array kHowHeadings = {"how to ",    "how do ", "how can ", "how does ", "what is ", "what are ",
                                     "what does ", "why is ", "why do ",  "where to ", "when to ", "which "};
// Words that only make sense with the document in hand.
constexpr std::array kPointers = {"the passage",        "this passage",
                                  "the text",           "this text",
                                  "the above",          "mentioned above",
                                  "the excerpt",        "this excerpt",
                                  "this section",       "the section above",
                                  "the following",      "according to the",
                                  "the author",         "this document",
                                  "the document",       "this paragraph",
                                  "the paragraph",      "the given",
                                  "the statement",      "the answer",
                                  "this answer",        "the article",
                                  "this article",       "the context",
                                  "this faq entry",     "in the example above",
                                  "the quote",          "the information provided",
                                  "the provided",       "this sentence",
                                  "the sentence",       "the snippet",
                                  "these instructions", "the user's",
                                  "the question",       "you mentioned"};
// Traces of prompts and of a chat model's manners.
constexpr std::array kLeaks = {"question:",
                               "answer:",
                               "reworded",
                               "rewritten",
                               "rephrase",
                               "paraphrase",
                               "assistant",
                               "<|",
                               "|>",
                               "as an ai",
                               "[inst",
                               "```",
                               "original question",
                               "new question",
                               "same meaning",
                               "different words",
                               "user:",
                               "example:",
                               "i'm sorry",
                               "write a",
                               "write one",
                               "text:"};

// How a small model begins when it answers instead of asking.
constexpr std::array kReplyStarts = {"yes",        "no,",        "no.",        "no you",   "no it",     "no there",
                                     "here is",    "here's",     "ok",         "okay",     "sure",      "of course",
                                     "i'm sorry",  "i am sorry", "i'll",       "here are", "that's",    "certainly",
                                     "you can",    "you should", "you need",   "you are",  "you don't", "it is",
                                     "it's",       "this is",    "i can help", "thank",    "hello",     "hi ",
                                     "to install", "to use",     "there are",  "there is", "the answer"};

bool replies(std::string_view text) {
  return std::any_of(kReplyStarts.begin(), kReplyStarts.end(), [text](std::string_view start) {
    return text.starts_with(start) && (text.size() == start.size() || start.ends_with(" ") ||
                                       std::isalpha(static_cast<unsigned char>(text[start.size()])) == 0);
  });
}

// Traces of a question inside a longer text, and people who tell their problem.
constexpr std::array kAskingInside = {", can ", ", how ", ", what ", ", is ",  ", where ", ", why ",   ", which ",
                                      ", are ", ", do ",  ", does ", ", may ", " how to ", " how do ", " how can "};
constexpr std::array kTelling = {"i ", "i'm ", "i'd ", "i've ", "my ", "we ", "our "};

// A statement: it ends like one, or is too long for a search and asks nowhere.
bool states(std::string_view text) {
  if (trim(text).ends_with(".")) return true;
  const auto within = [text](std::string_view phrase) { return text.find(phrase) != std::string_view::npos; };
  const auto starts = [text](std::string_view phrase) { return text.starts_with(phrase); };
  if (asks(text) || std::any_of(kAskingInside.begin(), kAskingInside.end(), within)) return false;
  if (std::any_of(kTelling.begin(), kTelling.end(), starts)) return false;
  return words_of(text).size() > 8;
}

// A statement before the question or after it: a small model that rambles. "I found a bug, whom do I tell?" is one
// sentence.
bool goes_on(std::string_view question) {
  const std::vector<std::string_view> sentences = sentences_of(question);
  return sentences.size() > 2 || (sentences.size() == 2 && sentences.front().find('?') == std::string_view::npos) ||
         question.find('#') != std::string_view::npos;
}

bool contains_any(std::string_view text, const auto& phrases) {
  return std::any_of(phrases.begin(), phrases.end(),
                     [text](std::string_view phrase) { return text.find(phrase) != std::string_view::npos; });
}

// One word holds more than half of a longer question, or a run of three words comes twice.
bool repeats_itself(const std::vector<std::string>& words) {
  if (words.size() < 6) return false;
  std::map<std::string, std::size_t> count;
  for (const std::string& word : words)
    if (++count[word] * 2 > words.size()) return true;
  std::map<std::string, int> runs;
  for (std::size_t i = 0; i + 2 < words.size(); ++i)
    if (++runs[words[i] + ' ' + words[i + 1] + ' ' + words[i + 2]] > 1) return true;
  return false;
}

bool has_wide_letters(std::string_view text) {
  // Lead bytes from U+0400 upwards: Cyrillic and beyond. Latin, Greek and typographic marks (E2 80) are not counted.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0xD0 && byte <= 0xDF) return true;
    if (byte >= 0xE3 && byte <= 0xED) return true;
    if (byte == 0xE0 || byte == 0xE1) return true;
  }
  return false;
}

bool copies_answer(std::string_view question, std::string_view answer) {
  const std::vector<std::string> asked = words_of(question), said = words_of(answer);
  if (asked.size() < 8) return false;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    for (std::size_t j = 0; j < said.size(); ++j) {
      std::size_t n = 0;
      while (i + n < asked.size() && j + n < said.size() && asked[i + n] == said[j + n]) ++n;
      longest = std::max(longest, n);
    }
  }
  return longest >= 8 && longest * 10 >= asked.size() * 7;
}

std::string strip_marks(std::string text) {
  for (;;) {
    const std::string_view trimmed = trim(text);
    std::string_view rest = trimmed;
    for (const std::string_view mark : {"\"", "'", "*", "`", "\xE2\x80\x9C", "\xE2\x80\x9D", "_"}) {
      if (rest.starts_with(mark)) rest.remove_prefix(mark.size());
      // A closing quote may belong to a quoted word inside; only a mark that opened the line is taken off its end.
      if (rest.size() < trimmed.size() && rest.ends_with(mark)) rest.remove_suffix(mark.size());
      if (rest.size() < trimmed.size()) break;
    }
    if (rest.size() == trimmed.size()) return std::string(trimmed);
    text = std::string(rest);
  }
}

std::string_view drop_label(std::string_view line) {
  const std::string lower = lower_ascii(line.substr(0, 32));
  for (const std::string_view label :
       {"question:", "q:", "reworded question:", "rewording:", "reworded:", "user:", "new question:"})
    if (lower.starts_with(label)) return trim(line.substr(label.size()));
  std::size_t digits = 0;
  while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits])) != 0) ++digits;
  if (digits > 0 && digits <= 2 && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
      line[digits + 1] == ' ')
    return trim(line.substr(digits + 2));
  if (line.starts_with("- ")) return trim(line.substr(2));
  return line;
}

}  // namespace

bool is_question_heading(std::string_view heading) {
  std::string text = lower_ascii(trim(heading));
  while (!text.empty() && std::string_view("!\"')] *_`").find(text.back()) != std::string_view::npos) text.pop_back();
  if (text.ends_with("?")) return words_of(text).size() >= 2;
  if (words_of(text).size() < 3) return false;
  return std::any_of(kHowHeadings.begin(), kHowHeadings.end(),
                     [&text](std::string_view opening) { return text.starts_with(opening); });
}

bool asks(std::string_view text) {
  const std::vector<std::string> words = words_of(text);
  if (words.empty()) return false;
  if (trim(text).ends_with("?")) return true;
  return std::any_of(kAskingStarts.begin(), kAskingStarts.end(),
                     [&words](std::string_view start) { return words.front() == start; });
}

std::vector<std::string> question_faults(std::string_view question, std::string_view answer, std::string_view section) {
  std::vector<std::string> faults;
  const std::string text = lower_ascii(squeeze(question));
  const std::vector<std::string> words = words_of(text);
  if (content_words(text).empty() || words.size() < 2 || text.size() < 8) faults.emplace_back("too_short");
  if (words.size() > 26 || text.size() > 220) faults.emplace_back("too_long");
  if (states(text)) faults.emplace_back("not_a_question");
  if (replies(text)) faults.emplace_back("replies");
  if (trim(question).find('\n') != std::string_view::npos) faults.emplace_back("several_lines");
  if (goes_on(question)) faults.emplace_back("several_sentences");
  if (contains_any(text, kPointers)) faults.emplace_back("not_standalone");
  if (contains_any(text, kLeaks)) faults.emplace_back("template_leak");
  if (copies_answer(text, answer) || token_f1(answer, text) > 0.6) faults.emplace_back("echo_answer");
  if (repeats_itself(words)) faults.emplace_back("repeats");
  if (has_wide_letters(text) && !has_wide_letters(section)) faults.emplace_back("wrong_script");
  return faults;
}

std::string tidy_question(std::string_view reply) {
  for (const std::string_view raw : split(reply, '\n')) {
    std::string line = strip_marks(squeeze(raw));
    line = strip_marks(std::string(drop_label(line)));
    if (line.empty()) continue;
    // A small model goes on with a second question or an answer; the first one is what was asked for.
    const std::size_t mark = line.find('?');
    if (mark != std::string::npos) {
      std::size_t end = mark + 1;
      while (end < line.size() && (line[end] == '"' || line[end] == ')' || line[end] == '?' || line[end] == '!')) ++end;
      if (words_of(line.substr(0, end)).size() >= 3) line.resize(end);
    }
    return line;
  }
  return "";
}

}  // namespace faqsmith
