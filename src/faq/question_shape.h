// Is this text a question that stands on its own? Rules only, no model; each fault has a name that becomes a reason in
// pairs.reasons. Non-goal: whether it is the right question for an answer (see faq/gates.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// A heading that asks: ends with "?" (quotes, brackets and "!" aside), or opens like "How to …", "What is …".
[[nodiscard]] bool is_question_heading(std::string_view heading);

// True if text reads as a question or as a request ("Tell me how …", "explain …").
[[nodiscard]] bool asks(std::string_view text);

// Names of the faults, in a fixed order; empty = fine.
//   too_short, too_long, not_a_question, replies ("Yes, you can …"), several_lines,
//   several_sentences, not_standalone ("the passage"),
//   template_leak ("Question:"), echo_answer (copies the answer), repeats (the same words again and again),
//   wrong_script (letters its source lacks)
[[nodiscard]] std::vector<std::string> question_faults(std::string_view question, std::string_view answer,
                                                       std::string_view section);

// Takes one question out of a small model's raw reply: first line, list numbers, labels and quotes removed. May be
// empty.
[[nodiscard]] std::string tidy_question(std::string_view reply);

}  // namespace faqsmith
