// Cuts text into the words that BPE works on, with a hand-written scanner: one pass, no regex engine, no recursion.
// Source: GPT-2's pattern 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ and, for SmolLM,
// the step before it that sets every numeric character apart.
#pragma once
#include <cstddef>
#include <functional>
#include <string_view>

namespace faqsmith {

enum class Digits { Together, Apart };

// The end (byte offset) of the word that starts at `at`; text is valid UTF-8, at < text.size().
[[nodiscard]] std::size_t next_word_end(std::string_view text, std::size_t at, Digits digits);

}  // namespace faqsmith
