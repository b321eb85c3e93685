// History is sent, trimmed and forgotten as promised.
#include "app/conversation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "llm/fake_model.h"

namespace faqsmith {
namespace {

FakeChatModel echo_model() {
  return FakeChatModel([](const ChatRequest& request) { return "re " + request.messages.back().text; });
}

const auto kKeepGoing = [](std::string_view) { return true; };

TEST(Conversation, SendsTheSystemPromptAndTheWholeHistory) {
  auto model = echo_model();
  Conversation talk(model, nullptr, {.topic = "cats", .sampling = {}});
  (void)talk.say("one", kKeepGoing);
  (void)talk.say("two", kKeepGoing);
  const auto& messages = model.seen.back().messages;
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].role, Role::System);
  EXPECT_EQ(messages[1].text, "one");
  EXPECT_EQ(messages[2].text, "re one");
  EXPECT_EQ(messages[3].text, "two");
}

TEST(Conversation, ResetForgets) {
  auto model = echo_model();
  Conversation talk(model, nullptr, {});
  (void)talk.say("one", kKeepGoing);
  talk.reset();
  (void)talk.say("two", kKeepGoing);
  EXPECT_EQ(model.seen.back().messages.size(), 2u);
}

TEST(Conversation, DropsTheOldestTurnsWhenTheHistoryDoesNotFit) {
  auto model = echo_model();  // 2048 tokens of context, one a word
  Conversation talk(model, nullptr, {});
  std::string longish = "first";
  for (int i = 0; i < 400; ++i) longish += " word";
  for (int i = 0; i < 6; ++i) (void)talk.say(longish, kKeepGoing);
  const auto& messages = model.seen.back().messages;
  EXPECT_LT(messages.size(), 12u);
  EXPECT_EQ(messages[0].role, Role::System);
  EXPECT_EQ(messages[1].role, Role::User);
  EXPECT_EQ(talk.n_turns(), 6u);
}

TEST(Conversation, RefusesAQuestionThatCannotFit) {
  auto model = echo_model();
  Conversation talk(model, nullptr, {});
  std::string huge;
  for (int i = 0; i < 3000; ++i) huge += "word ";
  EXPECT_THROW((void)talk.say(huge, kKeepGoing), Error);
}

}  // namespace
}  // namespace faqsmith
