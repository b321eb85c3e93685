// Cuts text into the words that byte-level BPE works on, with a hand-written scanner: one pass, no regex engine, no
// recursion, linear time. Sources: GPT-2's pattern 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|
// \s+(?!\S)|\s+; for SmolLM, the step before it that sets every numeric character apart; Llama 3's pattern
// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+.
#pragma once
#include <cstddef>
#include <functional>
#include <string_view>

namespace faqsmith {

enum class PreTokenizer { Gpt2, SmolLm, Llama3 };

// The end (byte offset) of the word that starts at `at`; text is valid UTF-8, at < text.size(), and `at` is 0 or where
// another word ended.
[[nodiscard]] std::size_t next_word_end(std::string_view text, std::size_t at, PreTokenizer rule);

}  // namespace faqsmith
