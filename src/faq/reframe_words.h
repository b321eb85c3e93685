// English word lists that reframe.h works with.
#pragma once
#include <string>
#include <vector>

namespace faqsmith {

struct Opening {
  std::vector<std::string> starts;     // lower case; the first list whose start fits is taken; "" fits all
  std::vector<std::string> templates;  // {} = the rest of the question, {q} = the whole of it
};
[[nodiscard]] const std::vector<Opening>& openings();

// Groups of words that people use for one another in questions.
[[nodiscard]] const std::vector<std::vector<std::string>>& synonyms();

}  // namespace faqsmith
