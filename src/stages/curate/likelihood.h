// The likelihood signal: how much more probable a question makes its answer than a question about nothing does.
// Source of the idea: design measurements with small models; see docs/decisions.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "llm/chat_model.h"

namespace faqsmith {

struct QuestionAnswer {
  std::string question, answer;
};

// log p(answer | question) - log p(answer | neutral question), natural logarithm, summed over the answer's tokens. One
// score request a pair and one for each distinct answer.
[[nodiscard]] std::vector<double> likelihood_gains(ChatModel& judge, const std::string& topic,
                                                   const std::vector<QuestionAnswer>& pairs);

inline constexpr const char* kNeutralQuestion = "Tell me something.";

}  // namespace faqsmith
