// Rewordings by rule: reframed ("How do I X?" -> "is there a way to X"), with synonyms, with words left out, typed
// carelessly. A small teacher's own wordings are often wrong; these keep the meaning by construction. Measured: they
// raise the F1 of people's unseen questions by about as much as the teacher's wordings do, and both together by more.
// English only; a question in another language yields few or none. Deterministic for a seed.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"

namespace faqsmith {

// Reframings of a question, best first, without synonyms: "how to X", "I want to X", "X", …; empty if no frame fits.
[[nodiscard]] std::vector<std::string> reframed(std::string_view question);

// Each word that has synonyms is replaced with probability p.
[[nodiscard]] std::string with_synonyms(std::string_view question, double p, Rng& rng);
// Leaves words out, function words with probability p, others with 0.6 p; at least two words stay.
[[nodiscard]] std::string with_gaps(std::string_view question, double p, Rng& rng);
// Lower case without punctuation, as typed in a hurry.
[[nodiscard]] std::string carelessly_typed(std::string_view question);

// At most n distinct rewordings, none equal to the question, a pure function of its arguments.
[[nodiscard]] std::vector<std::string> rule_rewordings(std::string_view question, std::size_t n, std::uint64_t seed);

}  // namespace faqsmith
