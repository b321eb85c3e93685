// Reads tests/golden/tokenizer_smollm.json for the tests of this folder (written by tools/oracle/tokenizer_golden.py).
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

[[nodiscard]] GoldenTokenizer read_golden_tokenizer();

}  // namespace faqsmith
