// Questions that the documents do not answer, so that refusing is trained and measured. Built by rule from shipped
// lists and from the documents' own questions about another product; each is checked against search before it is used.
// Non-goal: trick questions with a false premise about something that the documents do cover.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "faq/retrieval.h"
#include "store/records.h"

namespace faqsmith {

// The name that the documents talk about most ("Debian"), from headings and answers; empty if there is none.
[[nodiscard]] std::string main_name(const std::vector<FactRow>& facts);

// True if one of the best facts holds most of the question's telling words, `name` aside.
[[nodiscard]] bool maybe_answerable(std::string_view question, std::string_view name, const FactIndex& index,
                                    const std::vector<FactRow>& facts);

// The question with the product that it was moved to left out: what all its moves have in common.
[[nodiscard]] std::string without_product(std::string_view question);

// About n distinct questions, a pure function of its arguments: general ones, ones about things that documents like
// these do not hold, and document questions moved to other products. Fewer if the lists run dry.
[[nodiscard]] std::vector<std::string> unanswerable_questions(std::size_t n, std::uint64_t seed,
                                                              const std::vector<FactRow>& facts,
                                                              const FactIndex& index);

}  // namespace faqsmith
