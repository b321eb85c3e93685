// Everyday synonyms for rewording by rule. Only words that may replace each other in questions about how things work.
#pragma once
#include <span>
#include <string_view>

namespace faqsmith {

// The other members of the word's group; empty if it has none. word: lower case.
[[nodiscard]] std::span<const std::string_view> synonyms_of(std::string_view word);

}  // namespace faqsmith
