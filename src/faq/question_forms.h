// Wordings by rule: what people type when they do not bother with a sentence. Deterministic; no model.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

struct FormedQuestion {
  std::string form;  // keywords, plain or context: a value of pairs.form
  std::string question;
};

// Of a question that stood in a document or that a teacher wrote: keywords only ("put package hold"); lower case
// without punctuation; without its framing ("OK, now I know what Debian is... what is Linux?!" -> "What is Linux?").
// Only forms that differ from the question and from each other; none that would be empty.
[[nodiscard]] std::vector<FormedQuestion> question_forms(std::string_view question);

// Of a heading that is no question: the heading path as a search ("Llama 3 model card training data") and as a question
// ("What does Llama 3 Model Card say about training data?"). heading_path: outermost first.
[[nodiscard]] std::vector<FormedQuestion> heading_forms(const std::vector<std::string>& heading_path);

// A heading without its number ("2.3. Kernel" -> "Kernel", "Chapter 1. Basics" -> "Basics").
[[nodiscard]] std::string bare_heading(std::string_view heading);

}  // namespace faqsmith
