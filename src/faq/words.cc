// Word rules shared by search, gates and question forms.
#include "faq/words.h"

#include <algorithm>
#include <cctype>
#include <unordered_set>

#include "base/strings.h"
#include "text/rouge.h"

namespace faqsmith {
namespace {

bool is_letter_or_digit(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

// Words in their own case, each with whether a sentence starts with it.
struct SeenWord {
  std::string_view text;
  bool opens_sentence = false;
};

std::vector<SeenWord> seen_words(std::string_view text) {
  std::vector<SeenWord> words;
  bool opens = true;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_letter_or_digit(text[i])) {
      // A typographic quote or dash is bytes above 0x7F and so part of a word; plain marks decide about sentences.
      if (text[i] == '.' || text[i] == '!' || text[i] == '?' || text[i] == '\n' || text[i] == ':') opens = true;
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size()) {
      if (is_letter_or_digit(text[end])) {
        ++end;
        continue;
      }
      const bool joins =
          text[end] == '-' || text[end] == '.' || text[end] == '_' || text[end] == '+' || text[end] == '/';
      if (!joins || end + 1 >= text.size() || !is_letter_or_digit(text[end + 1])) break;
      ++end;
    }
    words.push_back({text.substr(i, end - i), opens});
    opens = false;
    i = end;
  }
  return words;
}

std::string plain_quotes(std::string_view text) {
  std::string out = replace_all(std::string(text), "\xE2\x80\x99", "'");
  for (const std::string_view mark : {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x98", "\xE2\x80\x93", "\xE2\x80\x94"})
    out = replace_all(std::move(out), mark, " ");
  return out;
}

}  // namespace

bool is_stop_word(std::string_view word) {
  static const std::unordered_set<std::string_view> kStopWords = {
      "a",     "about", "all",   "also",  "am",    "an",    "and",    "any",  "are",   "as",    "at",   "be",
      "been",  "but",   "by",    "can",   "could", "did",   "do",     "does", "doing", "done",  "for",  "from",
      "get",   "had",   "has",   "have",  "he",    "her",   "him",    "his",  "how",   "i",     "if",   "in",
      "into",  "is",    "it",    "its",   "just",  "ll",    "m",      "may",  "me",    "might", "mine", "my",
      "need",  "of",    "on",    "or",    "our",   "ours",  "please", "re",   "s",     "shall", "she",  "should",
      "so",    "some",  "such",  "t",     "tell",  "than",  "that",   "the",  "their", "them",  "then", "there",
      "these", "they",  "this",  "those", "to",    "too",   "us",     "ve",   "was",   "we",    "were", "what",
      "when",  "where", "which", "who",   "whom",  "whose", "why",    "will", "with",  "would", "you",  "your",
      "yours", "d",     "don",   "isn",   "doesn", "didn",  "won",    "aren", "let",   "must",  "want"};
  return kStopWords.contains(word);
}

std::vector<std::string> words_of(std::string_view text) {
  const std::string plain = plain_quotes(text);
  std::vector<std::string> words;
  for (const SeenWord& word : seen_words(plain)) words.push_back(lower_ascii(word.text));
  return words;
}

std::vector<std::string> content_words(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  std::erase_if(words, [](const std::string& word) { return is_stop_word(word); });
  return words;
}

std::string stem(std::string_view word) {
  std::string out(word);
  const auto cut = [&out](std::string_view ending, std::size_t keep, std::string_view instead) {
    if (!out.ends_with(ending) || out.size() < ending.size() + keep) return false;
    out.resize(out.size() - ending.size());
    out += instead;
    return true;
  };
  if (!cut("sses", 2, "ss") && !cut("ies", 2, "y") && !out.ends_with("ss") && !out.ends_with("us")) cut("s", 3, "");
  if (cut("ations", 3, "") || cut("ation", 3, "") || cut("ing", 3, "") || cut("ed", 3, "")) {
    const std::size_t n = out.size();
    if (n > 2 && out[n - 1] == out[n - 2] && out[n - 1] != 's' && out[n - 1] != 'l') out.pop_back();
  }
  cut("e", 3, "");
  return out;
}

std::set<std::string> stems_of(std::string_view text) {
  std::set<std::string> stems;
  for (const std::string& word : content_words(text)) stems.insert(stem(word));
  return stems;
}

std::set<std::string> numbers_of(std::string_view text) {
  std::set<std::string> numbers;
  const std::string plain = plain_quotes(text);
  for (const SeenWord& word : seen_words(plain))
    if (std::any_of(word.text.begin(), word.text.end(), is_digit)) numbers.insert(lower_ascii(word.text));
  return numbers;
}

std::set<std::string> names_of(std::string_view text) {
  std::set<std::string> names;
  const std::string plain = plain_quotes(text);
  for (const SeenWord& word : seen_words(plain)) {
    const std::string_view t = word.text;
    if (t == "I" || t.starts_with("I'")) continue;
    const bool inner_mark = t.find_first_of("_/.") != std::string_view::npos;
    const bool inner_capital = t.size() > 1 && std::any_of(t.begin() + 1, t.end(), is_upper);
    const bool capital = is_upper(t[0]) && !word.opens_sentence;
    const std::string lower = lower_ascii(t);
    if ((inner_mark || inner_capital || capital) && !is_stop_word(lower)) names.insert(lower);
  }
  return names;
}

double wording_overlap(std::string_view a, std::string_view b) {
  return rouge_l(a, b).f1;
}

}  // namespace faqsmith
