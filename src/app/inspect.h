// What a model really reads: the bytes of a prompt as the one renderer makes them, token by token, with the trained
// ones marked. The same for training rows and for questions.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "sys/file.h"
#include "text/chat_template.h"

namespace faqsmith {

struct InspectedToken {
  TokenId id = 0;
  std::string text;  // its bytes; a control token's name
  bool trained = false;
  bool control = false;
};

struct InspectedPrompt {
  std::string what;  // "pair 17 (kept, train)" or "question"
  std::vector<InspectedToken> tokens;
  int n_trained = 0;
};

// The tokenizer of a model file; no weights are read.
[[nodiscard]] Tokenizer load_tokenizer(const fs::path& model);

// what: the id of a pair, or any other text as a question. db may be null if no workspace is there: then a number is
// Error(User). Throws Error(User) for a pair that does not exist.
[[nodiscard]] InspectedPrompt inspect_prompt(std::string_view what, std::string_view topic, Database* db,
                                             const Tokenizer& tokenizer);

// One text with marks: trained tokens in green if colour, else between «»; white space as it is.
[[nodiscard]] std::string marked_text(const InspectedPrompt& prompt, bool colour);
[[nodiscard]] std::string token_lines(const InspectedPrompt& prompt, bool colour);  // id, mark, quoted bytes

}  // namespace faqsmith
