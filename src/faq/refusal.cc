// The refusal rule: phrases looked for in the first sentence, in plain lower case with straight apostrophes.
#include "faq/refusal.h"

#include <array>
#include <string>

#include "base/strings.h"

namespace faqsmith {
namespace {

// Openings: the answer must start with one of these.
constexpr std::array kOpenings = {
    "i don't know",       "i do not know",    "i'm sorry, but i",    "i am sorry, but i",  "sorry, but i",
    "sorry, i don't",     "sorry, i do not",  "sorry, i can't",      "sorry, i cannot",    "i'm sorry, i",
    "i apologize, but i", "i cannot answer",  "i can't answer",      "i'm unable to",      "i am unable to",
    "i'm not able to",    "i am not able to", "i don't have",        "i do not have",      "i have no information",
    "i'm not sure",       "i am not sure",    "my documents do not", "my documents don't", "the documents do not",
    "as an ai",           "i couldn't find",  "i could not find",    "i can't provide",    "i cannot provide",
};
// Phrases that refuse wherever in the first sentence they stand.
constexpr std::array kAnywhere = {
    "there is no information",  "not covered by my documents", "not in my documents",  "no information available",
    "i don't have information", "i do not have information",   "outside my documents",
};

std::string first_sentence(std::string_view answer) {
  std::string text = lower_ascii(trim(answer));
  text = replace_all(std::move(text), "\xE2\x80\x99", "'");
  const std::size_t end = text.find_first_of(".!?\n");
  return end == std::string::npos ? text : text.substr(0, end);
}

}  // namespace

bool is_refusal(std::string_view answer) {
  const std::string first = first_sentence(answer.substr(0, 400));
  for (const std::string_view opening : kOpenings)
    if (first.starts_with(opening)) return true;
  for (const std::string_view phrase : kAnywhere)
    if (first.find(phrase) != std::string::npos) return true;
  return false;
}

}  // namespace faqsmith
