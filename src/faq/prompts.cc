// The bot's own prompts. The prompts for teachers stand in faq/teacher_prompts.cc.
#include "faq/prompts.h"

#include "base/strings.h"

namespace faqsmith {

std::string bot_system_prompt(std::string_view topic) {
  const std::string about(trim(topic));
  if (about.empty()) return "You answer questions from your documents.";
  return "You answer questions about " + about + ".";
}

std::vector<Message> bot_messages(std::string_view topic, std::string_view question) {
  return {{Role::System, bot_system_prompt(topic)}, {Role::User, std::string(question)}};
}

}  // namespace faqsmith
