// A talk with the bot: history that always fits the model's context, answers that stream unless the bot considers
// several (AnswerOptions::candidates). No terminal code.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/answer.h"

namespace faqsmith {

class Conversation {
 public:
  // Keeps references. finder may be null (no sources, e.g. the base model without a workspace).
  Conversation(ChatModel& model, const SourceFinder* finder, AnswerOptions options);

  // Says one user turn; on_text gets the answer piece by piece and may return false to stop. The oldest turns are
  // dropped when the history would not fit. Throws Error(User) if the question alone does not fit.
  Answer say(const std::string& question, const std::function<bool(std::string_view)>& on_text);
  void reset() { turns_.clear(); }
  [[nodiscard]] std::size_t n_turns() const { return turns_.size() / 2; }
  [[nodiscard]] const std::optional<Answer>& last() const { return last_; }

 private:
  [[nodiscard]] std::vector<Message> messages_for(const std::string& question) const;
  ChatModel& model_;
  const SourceFinder* finder_;
  AnswerOptions options_;
  std::vector<Message> turns_;  // user, assistant, user, …
  std::optional<Answer> last_;
};

}  // namespace faqsmith
