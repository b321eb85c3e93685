// LocalModel through the ChatModel interface: a small random model always, the demo model where it is at hand
// (FAQSMITH_DEMO_MODEL=FILE.gguf).
#include "llm/local_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>

#include "base/error.h"
#include "infer/tiny_tokenizer.h"

namespace faqsmith {
namespace {

constexpr const char* kSchema =
    R"({"type":"object","properties":{"question":{"type":"string","maxLength":80}},"required":["question"]})";

std::unique_ptr<LocalModel> tiny_model(const EngineOptions& options = {}, const std::string& chat_template = "",
                                       std::int64_t context = 256) {
  TokenizerSpec spec = tiny_tokenizer_spec();
  if (!chat_template.empty()) spec.chat_template = chat_template;
  LlamaConfig config;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.n_layers = 2;
  config.n_heads = config.n_kv_heads = 2;
  config.head_dim = 16;
  config.vocab_size = static_cast<std::int64_t>(spec.tokens.size());
  config.max_positions = context;
  return std::make_unique<LocalModel>(random_weights(config, 3), std::move(spec), "tiny", Cpu{}, options);
}

ChatRequest ask(std::string text, Sampling sampling = {.max_tokens = 20}) {
  return {.messages = {{Role::User, std::move(text)}}, .sampling = std::move(sampling)};
}

TEST(LocalModel, AnswersInOrderAndReportsEachAsItIsDone) {
  const auto model = tiny_model();
  std::vector<std::size_t> done;
  std::vector<ChatRequest> requests;
  for (int i = 0; i < 9; ++i) {
    requests.push_back(ask("question " + std::to_string(i), {.temperature = 1, .max_tokens = 3 + i, .seed = 1}));
  }
  const auto replies = model->generate(requests, [&](std::size_t i) { done.push_back(i); });
  ASSERT_EQ(replies.size(), 9u);
  std::sort(done.begin(), done.end());
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(done[i], i);
    EXPECT_EQ(replies[i].text, tiny_model()->generate({requests[i]})[0].text);
    EXPECT_LE(replies[i].n_new_tokens, requests[i].sampling.max_tokens);
  }
}

TEST(LocalModel, ABadSchemaOrOptionFailsItsOwnRequestOnly) {
  const auto model = tiny_model();
  auto bad_schema = ask("x");
  bad_schema.json_schema = R"({"type":"string","format":"date"})";
  const auto replies = model->generate({ask("x"), bad_schema, ask("x", {.top_p = -1}), ask(std::string(600, 'y'))});
  EXPECT_NE(replies[0].finish, Finish::Failed);
  EXPECT_NE(replies[1].failure.find("not supported: format at #"), std::string::npos);
  EXPECT_NE(replies[2].failure.find("top_p"), std::string::npos);
  EXPECT_NE(replies[3].failure.find("context holds 256"), std::string::npos);
}

TEST(LocalModel, SchemaRepliesAlwaysHaveTheSchemasForm) {
  const auto model = tiny_model();
  std::vector<ChatRequest> requests;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    requests.push_back(ask("q", {.temperature = 1.5, .max_tokens = 25, .seed = seed}));
    requests.back().json_schema = kSchema;
  }
  for (const auto& reply : model->generate(requests)) {
    EXPECT_EQ(reply.text.substr(0, 12), "{\"question\":") << reply.text;
    EXPECT_EQ(reply.text.substr(reply.text.size() - 2), "\"}") << reply.text;
  }
}

TEST(LocalModel, PatternRepliesMatchThePattern) {
  const auto model = tiny_model();
  std::vector<ChatRequest> requests;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    requests.push_back(ask("q", {.temperature = 1.5, .max_tokens = 30, .seed = seed}));
    requests.back().regex = "(yes|no), [a-z]{3,8} \\d{2}";
  }
  for (const auto& reply : model->generate(requests)) {
    EXPECT_EQ(reply.failure, "");
    EXPECT_TRUE(std::regex_match(reply.text, std::regex("(yes|no), [a-z]{3,8} \\d{2}"))) << reply.text;
  }
  ChatRequest bad = ask("q");
  bad.regex = "(a)\\1";
  EXPECT_NE(model->generate({bad})[0].failure.find("back-reference"), std::string::npos);
  bad.json_schema = kSchema;
  EXPECT_NE(model->generate({bad})[0].failure.find("both given"), std::string::npos);
}

TEST(LocalModel, StreamingGivesTheTextOfGenerate) {
  const auto model = tiny_model();
  const auto request = ask("stream this", {.temperature = 0.9, .max_tokens = 40, .seed = 2});
  std::string text;
  const auto streamed = model->stream(request, [&](std::string_view piece) { return text += piece, true; });
  EXPECT_EQ(text, streamed.text);
  EXPECT_EQ(streamed.text, model->generate({request})[0].text);
}

TEST(LocalModel, TurnsOfAChatDoNotComputeEarlierTurnsAgain) {
  for (const int n : {1, 4}) {
    const auto model = tiny_model({}, "", 2048);
    std::vector<Message> messages = {{Role::System, "You answer questions about pumps and valves, briefly."}};
    std::int64_t before = 0;
    for (int turn = 0; turn < 6; ++turn) {
      messages.push_back({Role::User, "question number " + std::to_string(turn) + ": what is it?"});
      const ChatRequest request{.messages = messages, .sampling = {.max_tokens = 10}};
      const auto computed = model->engine().scheduler().n_rows_computed();
      ChatReply reply = n == 1 ? model->stream(request, {}) : model->candidates({request}, n)[0][0].reply;
      const auto rows = model->engine().scheduler().n_rows_computed() - computed;
      // The last answer and the new question, what is left of a page, and the new replies.
      EXPECT_LE(rows, reply.n_prompt_tokens - before + 16 + n * (10 + 16 + 6)) << n << " " << turn;
      if (turn >= 3) {
        EXPECT_LT(rows, reply.n_prompt_tokens) << n << " " << turn;
      }
      before = reply.n_prompt_tokens;
      messages.push_back({Role::Assistant, reply.text});
    }
  }
}

TEST(LocalModel, CandidatesBeginWithTheGreedyReplyAndDiffer) {
  const auto model = tiny_model();
  const std::vector<ChatRequest> requests = {ask("one", {.max_tokens = 30}), ask(std::string(600, 'y')),
                                             ask("another question", {.max_tokens = 5})};
  std::vector<std::size_t> done;
  const auto found = model->candidates(requests, 4, [&](std::size_t i) { done.push_back(i); });
  const auto replies = model->generate(requests);
  std::sort(done.begin(), done.end());
  EXPECT_EQ(done, (std::vector<std::size_t>{0, 1, 2}));
  ASSERT_EQ(found[1].size(), 1u);
  EXPECT_EQ(found[1][0].reply.finish, Finish::Failed);
  for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
    ASSERT_EQ(found[i].size(), 4u);
    EXPECT_EQ(found[i][0].reply.text, replies[i].text);
    EXPECT_NEAR(found[i][0].reply.log_probability, replies[i].log_probability, 1e-3);
    for (const Candidate& candidate : found[i]) {
      EXPECT_LE(candidate.reply.n_new_tokens, requests[i].sampling.max_tokens);
      EXPECT_GE(candidate.opening_log_probability, candidate.reply.log_probability - 1e-9);
    }
    EXPECT_NE(found[i][1].reply.text, found[i][0].reply.text);
  }
  EXPECT_EQ(model->candidates(requests, 1)[0].size(), 1u);
}

TEST(LocalModel, SeveralRepliesAreSeededOneByOneAndShareTheirPrompt) {
  const auto model = tiny_model();
  const std::vector<ChatRequest> requests = {
      ask("a question of some length, so that its prompt fills pages", {.temperature = 1, .max_tokens = 12, .seed = 4}),
      ask("another", {.temperature = 1, .max_tokens = 12, .seed = 4})};
  std::vector<std::size_t> done;
  const auto found = model->replies(requests, 5, [&](std::size_t i) { done.push_back(i); });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(done.size(), 10u);
  // Whole pages of the prompt are computed once: each further reply computes at most the page that the prompt ends in.
  std::int64_t at_most = 0;
  for (const auto& replies : found) {
    ASSERT_EQ(replies.size(), 5u);
    at_most += replies[0].n_prompt_tokens + 4 * 16;
    for (const auto& reply : replies) at_most += reply.n_new_tokens;
  }
  EXPECT_LE(model->engine().scheduler().n_rows_computed(), at_most);
  for (std::size_t r = 0; r < 2; ++r) {
    std::set<std::string> texts;
    for (int i = 0; i < 5; ++i) {
      ChatRequest alone = requests[r];
      alone.sampling.seed = seed_of_reply(4, i);
      const ChatReply& reply = found[r][static_cast<std::size_t>(i)];
      EXPECT_EQ(reply.text, tiny_model()->generate({alone})[0].text);
      texts.insert(reply.text);
      double sum = 0;
      for (const ReplyToken& token : reply.tokens) sum += token.log_probability;
      EXPECT_EQ(static_cast<int>(reply.tokens.size()), reply.n_new_tokens);
      EXPECT_NEAR(sum, reply.log_probability, 1e-9);
    }
    EXPECT_EQ(texts.size(), 5u);
  }
  EXPECT_EQ(seed_of_reply(4, 0), 4u);
}

TEST(LocalModel, TheLikeliestRepliesFallAndBeginAtLeastAsLikelyAsTheGreedyOne) {
  const auto model = tiny_model();
  auto with_schema = ask("x");
  with_schema.json_schema = kSchema;
  const std::vector<ChatRequest> requests = {ask("one", {.max_tokens = 6}), ask(std::string(600, 'y')), with_schema,
                                             ask("two", {.max_tokens = 4}), ask("x", {.logit_bias = {{5, 1.0}}})};
  std::vector<std::size_t> done;
  const auto found = model->likeliest(requests, {.n = 3}, [&](std::size_t i) { done.push_back(i); });
  EXPECT_EQ(done.size(), 5u);
  EXPECT_EQ(found[1].at(0).finish, Finish::Failed);
  EXPECT_NE(found[2].at(0).failure.find("JSON schema"), std::string::npos);
  EXPECT_NE(found[4].at(0).failure.find("bias"), std::string::npos);
  const auto greedy = model->generate(requests);
  for (const std::size_t i : {std::size_t{0}, std::size_t{3}}) {
    ASSERT_EQ(found[i].size(), 3u);
    if (found[i][0].finish == greedy[i].finish) {
      EXPECT_GE(found[i][0].log_probability, greedy[i].log_probability - 1e-3);
    }
    EXPECT_NE(found[i][0].text, found[i][1].text);
  }
}

TEST(LocalModel, MinPAndBiasReachTheSampler) {
  const auto model = tiny_model();
  const auto greedy = model->generate({ask("q")})[0];
  ChatRequest narrow = ask("q", {.temperature = 2, .min_p = 1.0, .max_tokens = 20});
  EXPECT_EQ(model->generate({narrow})[0].text, greedy.text);  // only the likeliest token is left
  const std::int32_t id = model->tokenizer().encode("z")[0];
  ChatRequest forced = ask("q", {.max_tokens = 7, .logit_bias = {{id, 100.0}}});
  EXPECT_EQ(model->generate({forced})[0].text, "zzzzzzz");
  forced.sampling.logit_bias = {{999999, 1.0}};
  EXPECT_NE(model->generate({forced})[0].failure.find("token 999999"), std::string::npos);
}

TEST(LocalModel, ScoresCountTheEndOfTurnAndRefuseTooLongAlone) {
  const auto model = tiny_model();
  const auto scores = model->score({{.messages = {{Role::User, "q"}}, .continuation = "abc"},
                                    {.messages = {{Role::User, "q"}}, .continuation = std::string(400, 'z')},
                                    {.messages = {{Role::User, "q"}}, .continuation = ""}});
  EXPECT_EQ(scores[0].n_tokens, model->count_tokens("abc") + 1);
  EXPECT_LT(scores[0].log_probability, 0);
  EXPECT_NE(scores[1].failure, "");
  EXPECT_EQ(scores[2].n_tokens, 1);
}

// Mistral's: answers end with EOS, questions and answers take turns.
constexpr const char* kTurns =
    "{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('order') }}{% endif %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}";

TEST(LocalModel, AnOrderThatTheTemplateRefusesFailsItsOwnRequestOnly) {
  const auto model = tiny_model({}, kTurns);
  const ChatRequest good = ask("x");
  ChatRequest bad = good;
  bad.messages.push_back({Role::User, "y"});
  const auto names_the_turn = [](const std::string& failure) { return failure.find("turn 2") != std::string::npos; };
  const auto replies = model->generate({good, bad});
  EXPECT_NE(replies[0].finish, Finish::Failed);
  EXPECT_TRUE(names_the_turn(replies[1].failure));
  EXPECT_TRUE(names_the_turn(model->stream(bad, {}).failure));
  const auto candidates = model->candidates({bad, good}, 3);
  EXPECT_TRUE(names_the_turn(candidates[0].at(0).reply.failure));
  EXPECT_EQ(candidates[1].size(), 3u);
  const auto scores =
      model->score({{.messages = bad.messages, .continuation = "a"}, {.messages = good.messages, .continuation = "a"}});
  EXPECT_TRUE(names_the_turn(scores[0].failure));
  EXPECT_EQ(scores[1].failure, "");
  EXPECT_EQ(scores[1].n_tokens, 2);
}

class DemoModel : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("FAQSMITH_DEMO_MODEL");
    if (!path || !*path) GTEST_SKIP() << "set FAQSMITH_DEMO_MODEL to the demo model's GGUF to run this";
    model = load_local_model(path, detect_cpu());
  }
  std::unique_ptr<LocalModel> model;
};

TEST_F(DemoModel, KnowsTheCapitalOfFrance) {
  EXPECT_EQ(model->id().substr(model->id().find('@')).size(), 13u);
  const auto reply = model->generate({ask("What is the capital of France?", {.max_tokens = 30})})[0];
  EXPECT_NE(reply.text.find("Paris"), std::string::npos) << reply.text;
  EXPECT_EQ(reply.finish, Finish::Stop);
}

TEST_F(DemoModel, PrefersTheRightAnswer) {
  const auto question = std::vector<Message>{{Role::User, "What is the capital of France?"}};
  const auto scores = model->score({{.messages = question, .continuation = "The capital of France is Paris."},
                                    {.messages = question, .continuation = "The capital of France is Lyon."}});
  EXPECT_GT(scores[0].log_probability, scores[1].log_probability + 1);
}

TEST_F(DemoModel, WritesQuestionsAsJson) {
  std::vector<ChatRequest> requests;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    requests.push_back(ask("Reword this question: How do I install a package on Debian?",
                           {.temperature = 0.8, .max_tokens = 40, .seed = seed}));
    requests.back().json_schema = kSchema;
  }
  for (const auto& reply : model->generate(requests)) {
    EXPECT_EQ(reply.text.substr(0, 12), "{\"question\":") << reply.text;
    EXPECT_EQ(reply.text.back(), '}');
  }
}

}  // namespace
}  // namespace faqsmith
