// The one renderer of conversations: training, generation, evaluation, ask, chat and inspect all go through it. The
// formats stand in text/chat_format.cc; a template that is none of them is refused with its first lines.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat_format.h"
#include "text/tokenizer.h"

namespace faqsmith {

// Token ids with a mark for each: true where the token is part of an assistant answer (its end-of-turn token included)
// and so is trained.
struct RenderedChat {
  std::vector<TokenId> ids;
  std::vector<bool> trained;  // same length
  std::vector<bool> asked;    // same length: true on the text of user messages
};

class ChatTemplate {
 public:
  // Recognises the template by what it renders (GGUF tokenizer.chat_template). Throws Error(Input) for one it does not
  // know and for a vocabulary that lacks the template's control tokens.
  explicit ChatTemplate(const Tokenizer& tokenizer);  // keeps a reference

  // A whole conversation; every assistant message is closed by the end-of-turn token and marked as trained. Text never
  // becomes a control token. Exactly one BOS stands in front if the template writes one or the model wants one. All
  // functions throw Error(User) that names the turn for an order of roles that the template refuses.
  [[nodiscard]] RenderedChat render(const std::vector<Message>& messages) const;
  // The same, then the opening of an assistant turn: what a model continues. render() of the messages and an answer
  // begins with exactly these ids.
  [[nodiscard]] std::vector<TokenId> prompt(const std::vector<Message>& messages) const;
  // What render() puts after prompt() for this answer, the end-of-turn token included.
  [[nodiscard]] std::vector<TokenId> answer(std::string_view text) const;
  // A reply as a message: without the space that the format has between a prompt and an answer.
  [[nodiscard]] std::string without_lead(std::string_view reply) const;
  // What prompt() encodes, as one text with the control tokens by name: for people, and for comparing with Jinja.
  [[nodiscard]] std::string text(const std::vector<Message>& messages, chat::Prompt prompt) const;

  [[nodiscard]] TokenId end_of_turn() const { return end_; }  // other control tokens, EOS among them, end a reply too
  [[nodiscard]] const char* name() const { return format_->name; }  // e.g. "chatml"

 private:
  struct Step {
    TokenId control = -1;  // -1: text
    std::string text = {};
    chat::Mark mark = chat::Mark::None;
    bool begins_answer = false;
  };
  [[nodiscard]] std::vector<Step> steps_of(const std::vector<chat::Piece>& pieces) const;
  [[nodiscard]] std::vector<Step> with_bos(std::vector<Step> steps) const;
  [[nodiscard]] RenderedChat encode(const std::vector<Step>& steps) const;
  void find_controls(const TokenizerSpec& spec);

  const Tokenizer& tokenizer_;
  const chat::ChatFormat* format_ = nullptr;
  bool has_bos_ = false;                                   // in front of the whole
  std::vector<std::pair<std::string, TokenId>> controls_;  // what becomes a control token in frames, longest first
  TokenId end_ = -1;
};

}  // namespace faqsmith
