// The one renderer of conversations: training, generation, evaluation, ask, chat and inspect all go through it.
// Only ChatML so far; an unknown template is refused with its first lines.
#pragma once
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace faqsmith {

enum class Role { System, User, Assistant };

struct Message {
  Role role = Role::User;
  std::string text;
};

// Token ids with a mark for each: true where the token is part of an assistant answer (its end-of-turn token included)
// and so is trained.
struct RenderedChat {
  std::vector<TokenId> ids;
  std::vector<bool> trained;  // same length
  std::vector<bool> asked;    // same length: true on the text of user messages
};

class ChatTemplate {
 public:
  // Recognises the template from its text (GGUF tokenizer.chat_template). Throws Error(Input) for one it does not know.
  explicit ChatTemplate(const Tokenizer& tokenizer);  // keeps a reference

  // A whole conversation; every assistant message is closed by the end-of-turn token and marked as trained.
  [[nodiscard]] RenderedChat render(const std::vector<Message>& messages) const;
  // The same, then the opening of an assistant turn: what a model continues.
  [[nodiscard]] std::vector<TokenId> prompt(const std::vector<Message>& messages) const;
  [[nodiscard]] TokenId end_of_turn() const;
  [[nodiscard]] const char* name() const;  // "chatml"

 private:
  const Tokenizer& tokenizer_;
  TokenId start_ = -1, end_ = -1;
};

}  // namespace faqsmith
