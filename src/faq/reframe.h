// Wordings by rule that imitate how people ask: another opening ("How do I X?" -> "steps to X"), everyday synonyms,
// small words left out, lower case without marks. Needs no teacher, so it works best where the teacher is weakest.
// Measured: see docs/decisions/0004. English only; other languages only get what does not depend on words. Non-goal:
// grammar. Half of what people type is none either.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// The question with other openings, in a fixed order; may be empty. For a heading that asks nothing ("tasksel") too.
[[nodiscard]] std::vector<std::string> other_openings(std::string_view question);

// At most n distinct wordings, none equal to the question: all openings first, then openings (or the question itself)
// with synonyms. A pure function of its arguments.
[[nodiscard]] std::vector<std::string> reframe(std::string_view question, int n, std::uint64_t seed);

// One careless version of a question: synonyms, words left out, mostly lower case. For training rows only: it teaches a
// model to lean on no single word, and is no question that anybody should read. Pure function.
[[nodiscard]] std::string vary(std::string_view question, std::uint64_t seed);

}  // namespace faqsmith
