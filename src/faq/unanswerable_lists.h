// The shipped lists behind faq/unanswerable.h. "{}" stands for the name that the documents are about.
#pragma once
#include <span>
#include <string_view>

namespace faqsmith {

[[nodiscard]] std::span<const std::string_view> general_questions();  // nothing to do with software manuals
[[nodiscard]] std::span<const std::string_view>
absent_questions();  // about {}, but of a kind that documents rarely answer
[[nodiscard]] std::span<const std::string_view> other_products();  // names to move a question to

}  // namespace faqsmith
