// Refusal as a measured feature: the one sentence that the bot is trained to say when its documents hold no answer, and
// the rule that decides whether any model's answer is a refusal. No judgement of whether refusing was right.
#pragma once
#include <string_view>

namespace faqsmith {

inline constexpr std::string_view kRefusal = "I don't know. My documents do not cover that.";

// True for kRefusal and for the usual ways in which untuned chat models decline ("I'm sorry, but I cannot …",
// "There is no information about …"). Looks only at the opening sentence, so an answer that later mentions what it does
// not know is no refusal. An empty answer is none either.
[[nodiscard]] bool is_refusal(std::string_view answer);

}  // namespace faqsmith
