// Small models of every kind, for the tests that write and read them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "model/weights.h"

namespace faqsmith {

[[nodiscard]] LlamaConfig small_config(bool tied = true);  // two layers, 19 tokens
[[nodiscard]] TokenizerSpec small_tokenizer();
[[nodiscard]] std::vector<std::string> plain_tokens(std::size_t n);  // "t0", "t1" …
[[nodiscard]] fs::path test_folder(const std::string& what);         // made, of this test alone

// How load_model refuses the path, the same for each Residency: an Error(Input) with a hint. "accepted" if it does not.
[[nodiscard]] std::string refusal_of(const fs::path& path);

// What a format can say: tied or not, biases, head_dim of its own, one query group, each RoPE scaling, sliding window.
enum class Format { Gguf, HuggingFace };
[[nodiscard]] std::vector<std::pair<std::string, LlamaConfig>> every_kind(Format format);

// 0: the same bits.
void expect_equal(const Weights& a, const Weights& b, float relative_bound);
void expect_same_tokenizer(const TokenizerSpec& a, const TokenizerSpec& b);

}  // namespace faqsmith
