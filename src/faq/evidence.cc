// Evidence by comparison of text, no model.
#include "faq/evidence.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

std::string bare(std::string_view text) {
  std::string joined;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    if (line.starts_with("```")) continue;
    if (line.starts_with("- ")) line.remove_prefix(2);
    joined += line;
    joined += ' ';
  }
  return squeeze(joined);
}

// Every part of a joined word counts too, so that "apt-get" in the source covers "apt".
std::set<std::string> all_words(std::string_view text) {
  std::set<std::string> words;
  for (const std::string& word : words_of(text)) {
    words.insert(word);
    words.insert(stem(word));
    std::string part;
    for (const char c : word + "-") {
      if (c == '-' || c == '/' || c == '.' || c == '_') {
        if (!part.empty()) words.insert(part);
        part.clear();
      } else {
        part += c;
      }
    }
  }
  return words;
}

bool known(const std::set<std::string>& words, const std::string& term) {
  if (words.contains(term) || words.contains(stem(term))) return true;
  // A joined term is known if all its parts are.
  const std::set<std::string> parts = all_words(replace_all(replace_all(term, "-", " "), "/", " "));
  return parts.size() > 1 && std::all_of(parts.begin(), parts.end(), [&words](const std::string& part) {
           return words.contains(part) || words.contains(stem(part));
         });
}

bool all_known(const std::set<std::string>& terms, const std::set<std::string>& words) {
  return std::all_of(terms.begin(), terms.end(), [&words](const std::string& term) { return known(words, term); });
}

// Abbreviations and stand-ins that anybody may use in a question about anything.
bool everyday(const std::string& term) {
  static const std::set<std::string> kEveryday = {"pc",  "pcs", "cd", "cds", "dvd", "dvds", "usb", "os",   "url",
                                                  "faq", "id",  "ok", "pdf", "ii",  "vs",   "etc", "wifi", "tv"};
  return kEveryday.contains(term) || term.find("foo") != std::string::npos;
}

}  // namespace

bool quote_in_section(std::string_view quote, std::string_view section) {
  const std::string needle = bare(quote);
  return !needle.empty() && bare(section).find(needle) != std::string::npos;
}

std::vector<std::string> evidence_faults(std::string_view answer, std::string_view quote, std::string_view section,
                                         std::string_view heading) {
  std::vector<std::string> faults;
  if (!quote_in_section(quote, section)) faults.emplace_back("quote_missing");
  const std::set<std::string> words = all_words(std::string(section) + "\n" + std::string(heading));
  if (!all_known(numbers_of(answer), words)) faults.emplace_back("number_not_in_source");
  if (!all_known(names_of(answer), words)) faults.emplace_back("name_not_in_source");
  return faults;
}

std::vector<std::string> invented_terms(std::string_view question, std::string_view source) {
  const std::set<std::string> words = all_words(source);
  std::set<std::string> terms = numbers_of(question);
  terms.merge(names_of(question));
  std::vector<std::string> invented;
  for (const std::string& term : terms)
    if (!known(words, term) && !everyday(term)) invented.push_back(term);
  return invented;
}

}  // namespace faqsmith
