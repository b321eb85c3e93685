// Questions made from statements by rule: "X is Y." -> "What is X?", "To X, Y." -> "How do I X?". For text that asks
// nothing itself and teachers too small to ask well. Few but right: a statement that fits no pattern yields nothing.
// English only.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// Of an answer's sentences, the first ones first; at most `most`, distinct.
[[nodiscard]] std::vector<std::string> statement_questions(std::string_view answer, std::size_t most = 3);

// What a person types who searches for the text: words of the heading that stand in for the subject, and the text's
// most telling words. Empty if the text has too few.
[[nodiscard]] std::string search_words(std::string_view heading, std::string_view answer);

}  // namespace faqsmith
