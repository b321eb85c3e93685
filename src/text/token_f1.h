// Token F1 as SQuAD scores answers (Rajpurkar et al. 2016): lower case, no punctuation, no articles, bags of words.
// Equal to the official script on ASCII; beyond it, Unicode case and punctuation count, and scripts written without
// spaces are cut into ICU's words instead of being one long token.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

[[nodiscard]] std::vector<std::string> answer_tokens(std::string_view text);
// 0 to 1. Two answers without tokens are equal (1), one without tokens is not (0).
[[nodiscard]] double token_f1(std::string_view reference, std::string_view answer);
// The same for token lists made once by answer_tokens().
[[nodiscard]] double token_f1(const std::vector<std::string>& reference, const std::vector<std::string>& answer);

}  // namespace faqsmith
