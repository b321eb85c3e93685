// Token counts are of the plain texts; a fixed allowance per message covers what the template adds.
#include "app/conversation.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "faq/prompts.h"

namespace faqsmith {
namespace {

constexpr int kTemplateTokens = 8;  // role name, marks and line ends of one message

int total_tokens(const ChatModel& model, const std::vector<Message>& messages) {
  int total = kTemplateTokens;
  for (const auto& message : messages) total += model.count_tokens(message.text) + kTemplateTokens;
  return total;
}

}  // namespace

Conversation::Conversation(ChatModel& model, const SourceFinder* finder, AnswerOptions options)
    : model_(model), finder_(finder), options_(std::move(options)) {}

std::vector<Message> Conversation::messages_for(const std::string& question) const {
  const int room = model_.max_context_tokens() - options_.sampling.max_tokens;
  for (std::size_t dropped = 0; dropped <= turns_.size(); dropped += 2) {
    std::vector<Message> messages = {{Role::System, bot_system_prompt(options_.topic)}};
    messages.insert(messages.end(), turns_.begin() + static_cast<std::ptrdiff_t>(dropped), turns_.end());
    messages.push_back({Role::User, question});
    if (total_tokens(model_, messages) <= room) return messages;
  }
  throw Error(Kind::User, fmt::format("the question is longer than the model can read ({} tokens)", room),
              "ask a shorter question");
}

Answer Conversation::say(const std::string& question, const std::function<bool(std::string_view)>& on_text) {
  const ChatRequest request{.messages = messages_for(question),
                            .sampling = options_.sampling,
                            .json_schema = options_.json_schema,
                            .regex = options_.regex};
  std::optional<double> confidence;
  ChatReply reply;
  const int n_candidates = finder_ == nullptr ? 1 : candidates_for(model_.n_parameters(), options_.candidates);
  if (n_candidates > 1) {  // then the answer is chosen before its first word is shown, and comes as one piece
    const auto considered = model_.candidates({request}, n_candidates);
    const Candidate& chosen = finder_->choose(question, considered.front());
    reply = chosen.reply;
    confidence = chosen.confidence();
    if (on_text && !reply.text.empty()) (void)on_text(trim(reply.text));
  } else {
    reply = model_.stream(request, on_text);
  }
  if (reply.finish == Finish::Failed)
    throw Error(Kind::Input, "the model gave no answer: " + reply.failure, "ask again, or use /reset");
  const std::string text(trim(reply.text));
  turns_.push_back({Role::User, question});
  turns_.push_back({Role::Assistant, text});
  if (finder_ != nullptr) {
    last_ = judge_answer({"", question}, text, *finder_);
  } else {
    last_ = Answer{.question = question, .answer = text};
  }
  last_->confidence = confidence;
  last_->log_probability = reply.log_probability;
  return *last_;
}

}  // namespace faqsmith
