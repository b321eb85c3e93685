// How answers look in a terminal; shared by ask, chat and build.
#pragma once
#include <string>

#include "app/answer.h"

namespace faqsmith {

[[nodiscard]] std::string source_text(const Answer& answer, bool colour);  // one line
[[nodiscard]] std::string answer_text(const Answer& answer, bool colour);  // question, answer, source

}  // namespace faqsmith
