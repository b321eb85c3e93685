// The words that faqsmith says to models. One place, so that training, evaluation, ask and chat say the same.
// The bot's system prompt is short because every training row carries it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_template.h"

namespace faqsmith {

// topic: what the documents are about, e.g. "the Debian system"; empty is allowed.
// Always set: a chat template without a system turn may inject another product's name.
[[nodiscard]] std::string bot_system_prompt(std::string_view topic);

// What a bot is asked: the system prompt and one question. Training rows add the answer as the third message.
[[nodiscard]] std::vector<Message> bot_messages(std::string_view topic, std::string_view question);

}  // namespace faqsmith
