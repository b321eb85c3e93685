// Questions in, answers with sources out, with a scripted model.
#include "app/answer.h"

#include <gtest/gtest.h>

#include "app/conversation.h"
#include "app/open.h"
#include "base/error.h"
#include "faq/refusal.h"
#include "llm/fake_model.h"
#include "store/tables.h"
#include "store/workspace.h"

namespace faqsmith {
namespace {

class AnswerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "faqsmith_answer_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    workspace_ = std::make_unique<Workspace>(folder_, Workspace::Mode::Create);
    add("cats.md", "Cats", "What do cats eat?", "Cats eat fish and mice.", "train");
    add("dogs.md", "Dogs", "Where do dogs sleep?", "Dogs sleep in a kennel.", "unseen");
  }
  void TearDown() override {
    workspace_.reset();
    fs::remove_all(folder_);
  }
  void add(const std::string& file, const std::string& heading, const std::string& question, const std::string& answer,
           const std::string& part) {
    Database& db = workspace_->db();
    SourceRow source;
    source.path = file;
    source.sha256 = source.title = file;
    source.format = "markdown";
    source.state = "ok";
    SectionRow section;
    section.source_id = put_source(db, source);
    section.heading_path = {"Animals", heading};
    section.text = answer;
    section.hash = file;
    FactRow fact;
    fact.section_id = add_section(db, section);
    fact.key = file;
    fact.origin = "harvest";
    fact.quote = fact.answer = answer;
    fact.heading = question;
    PairRow pair;
    pair.fact_id = add_fact(db, fact);
    pair.key = file + question;
    pair.question = question;
    pair.answer = answer;
    pair.form = "original";
    const RowId id = add_pair(db, pair);
    set_pair_verdict(db, id, "kept", "[]", "{}");
    set_pair_part(db, id, part);
  }
  fs::path folder_;
  std::unique_ptr<Workspace> workspace_;
  SilentReporter silent_;
};

TEST_F(AnswerTest, AnswerIsTheModelsTextAndTheSourceIsTheNearestTrainedFact) {
  FakeChatModel model([](const ChatRequest&) { return "Cats eat fish."; });
  const SourceFinder finder(workspace_->db());
  const auto answers = answer_all({{"1", "what food for cats"}}, model, &finder, {}, silent_);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].answer, "Cats eat fish.");
  ASSERT_TRUE(answers[0].source);
  EXPECT_EQ(answers[0].source->file, "cats.md");
  EXPECT_EQ(answers[0].source->heading, "Animals > Cats");
  EXPECT_EQ(answers[0].score, 1.0);
}

const AnswerOptions kConsider{.topic = "", .sampling = {}, .candidates = 4};

TEST_F(AnswerTest, SearchHelpsToChooseAmongTheModelsOwnAnswers) {
  add("birds.md", "Birds", "Where do birds sleep?", "Birds sleep in trees.", "train");
  for (int i = 0; i < 40; ++i) {  // a word tells little among two facts, much among forty
    const std::string name = "thing" + std::to_string(i);
    add(name + ".md", name, "What is " + name + "?", name + " is a thing.", "train");
  }
  FakeChatModel model([](const ChatRequest&) { return "Cats eat fish and mice."; });
  model.considers = [](const ChatRequest&) {
    return std::vector<std::string>{"Cats eat fish and mice.", "Birds sleep in a tree."};
  };
  const SourceFinder finder(workspace_->db());
  const Question question{"1", "where would a bird sleep"};
  EXPECT_EQ(answer_all({question}, model, &finder, kConsider, silent_)[0].answer, "Birds sleep in a tree.");
  const auto greedy = answer_all({question}, model, &finder, {}, silent_)[0];
  EXPECT_EQ(greedy.answer, "Cats eat fish and mice.");
  EXPECT_FALSE(greedy.confidence);
  std::string shown;
  Conversation talk(model, &finder, kConsider);
  const Answer answer = talk.say(question.text, [&](std::string_view piece) { return shown += piece, true; });
  EXPECT_EQ(answer.answer, "Birds sleep in a tree.");
  EXPECT_EQ(shown, answer.answer);
  EXPECT_NEAR(answer.confidence.value_or(0), std::exp(-2.0), 1e-12);
  EXPECT_NE(answer_json(answer).find("\"confidence\":0.135"), std::string::npos);
  EXPECT_EQ(answer.source->file, "birds.md");
}

TEST_F(AnswerTest, OnlyTrainedFactsAreCited) {
  const SourceFinder finder(workspace_->db());
  EXPECT_EQ(finder.n_facts(), 1u);
  EXPECT_FALSE(finder.find("Where do dogs sleep?", "In a kennel."));
}

TEST_F(AnswerTest, RefusalHasNoSource) {
  const SourceFinder finder(workspace_->db());
  const Answer answer = judge_answer({"", "What do cats eat?"}, std::string(kRefusal), finder);
  EXPECT_TRUE(answer.refused);
  EXPECT_FALSE(answer.source);
  EXPECT_EQ(answer_json(answer).find("\"source\":null") != std::string::npos, true);
}

TEST_F(AnswerTest, KeepsTheOrderOverManyBlocks) {
  FakeChatModel model([](const ChatRequest& request) { return "re " + request.messages.back().text; });
  std::vector<Question> questions;
  for (int i = 0; i < 70; ++i) questions.push_back({std::to_string(i), "q" + std::to_string(i)});
  const SourceFinder finder(workspace_->db());
  const auto answers = answer_all(questions, model, &finder, {}, silent_);
  ASSERT_EQ(answers.size(), 70u);
  for (std::size_t i = 0; i < 70; ++i) EXPECT_EQ(answers[i].answer, "re q" + std::to_string(i));
}

TEST_F(AnswerTest, ReadingDoesNotWaitForTheLock) {
  EXPECT_NO_THROW((void)open_for_reading(folder_));  // workspace_ holds it
  EXPECT_THROW((void)open_for_reading(folder_ / "nowhere"), Error);
}

std::string refusal_of(std::string_view jsonl) {
  try {
    (void)read_questions(jsonl, "in.jsonl");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Questions, AcceptTextNumberAndMissingIds) {
  const auto questions = read_questions(
      "{\"id\":\"a\",\"question\":\"x\"}\r\n\n{\"id\":7,\"question\":\"y\",\"more\":[]}\n{\"question\":\"z\"}", "f");
  ASSERT_EQ(questions.size(), 3u);
  EXPECT_EQ(questions[0].id, "\"a\"");
  EXPECT_EQ(questions[1].id, "7");
  EXPECT_EQ(questions[2].id, "");
  const auto written = [](const Question& question) {
    Answer answer;
    answer.id = question.id;
    return answer_json(answer).substr(0, 10);
  };
  EXPECT_EQ(written(questions[0]), R"({"id":"a",)");
  EXPECT_EQ(written(questions[1]).substr(0, 8), R"({"id":7,)");
  EXPECT_EQ(written(questions[2]), R"({"id":null)");
}

TEST(Questions, MalformedLineIsNamedByNumber) {
  EXPECT_EQ(refusal_of("{\"question\":\"x\"}\n{oops\n"), "in.jsonl line 2: not valid JSON");
  EXPECT_EQ(refusal_of("\n\n[1]\n"), "in.jsonl line 3: not a JSON object");
  EXPECT_EQ(refusal_of("{\"question\":\" \"}"), "in.jsonl line 1: there is no text in the field 'question'");
  EXPECT_EQ(refusal_of("{\"id\":[],\"question\":\"x\"}"),
            "in.jsonl line 1: the field 'id' is neither text nor a number");
  EXPECT_EQ(refusal_of(""), "in.jsonl holds no question");
  EXPECT_NE(refusal_of(std::string(100000, '[')), "");
}

}  // namespace
}  // namespace faqsmith
