// Reads tests/golden/tokenizer_*.json for the tests of this folder (each written by the script that it names).
#pragma once
#include <string>
#include <vector>

#include "text/chat_template.h"

namespace faqsmith {

struct GoldenCase {
  std::string bytes;  // raw, perhaps invalid UTF-8
  std::vector<TokenId> ids;
  std::string decoded;  // what the reference decodes the ids to
};

struct GoldenChat {
  std::vector<Message> messages;
  std::vector<TokenId> ids, prompt;
};

struct GoldenTokenizer {
  TokenizerSpec spec;
  std::vector<GoldenCase> cases;
  std::vector<GoldenChat> chats;
};

[[nodiscard]] GoldenTokenizer read_golden_tokenizer(const std::string& name = "smollm");

// Llama 2's whole vocabulary with the ids of an independent implementation; GoldenCase::decoded stays empty.
[[nodiscard]] GoldenTokenizer read_golden_llama2();
// The merges that Hugging Face's converter makes of a vocabulary with scores, in its order.
[[nodiscard]] std::vector<std::string> merges_of_scores(const TokenizerSpec& spec);

}  // namespace faqsmith
