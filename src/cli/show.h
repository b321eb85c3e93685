// How answers look in a terminal; shared by ask, chat and build.
#pragma once
#include <map>
#include <string>

#include "app/answer.h"

namespace faqsmith {

[[nodiscard]] std::string source_text(const Answer& answer, bool colour);  // one line
// The numbers of a stage that a person looks for first, as one line; --json has all.
[[nodiscard]] std::string main_counts(const std::string& stage, const std::map<std::string, double>& counts);
[[nodiscard]] std::string answer_text(const Answer& answer, bool colour);  // question, answer, source
[[nodiscard]] std::string replies_text(const Answer& answer);              // several replies, one a line

}  // namespace faqsmith
