// Words as every comparison in faq/ sees them: lower case, letters and digits, inner "-", "." and "/" kept when they
// join (dpkg-reconfigure, 12.1). Bytes above 0x7F count as letters.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// Words that say nothing about a topic ("what", "the", "do"), lower case.
[[nodiscard]] bool is_stop_word(std::string_view lower_case_word);

[[nodiscard]] std::vector<std::string> words_of(std::string_view text);       // lower case
[[nodiscard]] std::vector<std::string> content_words(std::string_view text);  // without stop words, order kept
// Cuts plural, -ing, -ed and a final -e, roughly: only for comparing words with each other.
[[nodiscard]] std::string stem(std::string_view lower_case_word);
[[nodiscard]] std::set<std::string> stems_of(std::string_view text);  // stems of its content words

// What an answer must not invent. Numbers: words that hold a digit (12, 2.1, 8b, 50%). Names: words with a capital that
// do not open a sentence, and words with inner punctuation or capitals (dpkg-deb, PyTorch). Lower case.
[[nodiscard]] std::set<std::string> numbers_of(std::string_view text);
[[nodiscard]] std::set<std::string> names_of(std::string_view text);

// ROUGE-L F1 (see text/rouge.h), 0 to 1: how alike two wordings are.
[[nodiscard]] double wording_overlap(std::string_view a, std::string_view b);

}  // namespace faqsmith
