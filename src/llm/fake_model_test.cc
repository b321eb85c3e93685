// The fake must be trustworthy: other folders' tests stand on it.
#include "llm/fake_model.h"

#include <gtest/gtest.h>

namespace faqsmith {
namespace {

TEST(FakeChatModel, RepliesInOrderAndRecordsRequests) {
  FakeChatModel model([](const ChatRequest& r) { return "echo " + r.messages.back().text; });
  std::vector<std::size_t> done;
  const auto replies = model.generate({{.messages = {{Role::User, "one"}}}, {.messages = {{Role::User, "two"}}}},
                                      [&](std::size_t i) { done.push_back(i); });
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].text, "echo one");
  EXPECT_EQ(replies[1].text, "echo two");
  EXPECT_EQ(done, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(model.seen.size(), 2u);
}

TEST(FakeChatModel, TurnsAnErrorIntoAFailedReply) {
  FakeChatModel model([](const ChatRequest&) -> std::string { throw Error(Kind::User, "prompt too long"); });
  const auto replies = model.generate({{.messages = {{Role::User, "x"}}}});
  EXPECT_EQ(replies[0].finish, Finish::Failed);
  EXPECT_EQ(replies[0].failure, "prompt too long");
}

TEST(FakeChatModel, ScoresByWordsUnlessToldOtherwise) {
  FakeChatModel model([](const ChatRequest&) { return ""; });
  const auto scores = model.score({{.messages = {}, .continuation = " three short words "}});
  EXPECT_EQ(scores[0].n_tokens, 4);
  EXPECT_DOUBLE_EQ(scores[0].log_probability, -4.0);
}

}  // namespace
}  // namespace faqsmith
