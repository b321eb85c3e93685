// The generate stage on a scripted teacher.
#include "stages/generate/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "faq/refusal.h"
#include "stages/generate/plan.h"
#include "stages/generate/wordings.h"
#include "stages/testing.h"

namespace faqsmith {
namespace {

using testing_support::fill;
using testing_support::scripted_reply;
using testing_support::TestWorkspace;

GenerateOptions small_options() {
  GenerateOptions options;
  options.samples_per_fact = 12;
  options.unanswerable = 40;
  return options;
}

std::vector<std::string> pair_lines(Database& db) {
  std::vector<std::string> lines;
  for (const PairRow& pair : list_pairs(db)) lines.push_back(pair.key + pair.form + pair.question + pair.answer);
  return lines;
}

TEST(Generate, AskedIsKeptPlusRejectedPlusFailed) {
  TestWorkspace workspace("generate_sum");
  fill(workspace);
  int calls = 0;
  FakeChatModel teacher([&calls](const ChatRequest& request) {
    if (++calls % 17 == 0) throw Error(Kind::Device, "out of memory");
    return scripted_reply(request);
  });
  SilentReporter reporter;
  StageReport report = generate(workspace.get(), small_options(), teacher, reporter);
  EXPECT_EQ(report.counts["asked"], 24 * 12);
  EXPECT_EQ(report.counts["asked"], report.counts["kept"] + report.counts["rejected"] + report.counts["failed"]);
  EXPECT_EQ(report.counts["failed"], 24 * 12 / 17);
  EXPECT_EQ(report.counts["harvested"], 24);
}

TEST(Generate, HarvestsVerbatimAndAddsForms) {
  TestWorkspace workspace("generate_forms");
  fill(workspace, 3);
  FakeChatModel teacher(scripted_reply);
  SilentReporter reporter;
  (void)generate(workspace.get(), small_options(), teacher, reporter);
  std::map<std::string, std::string> first;
  for (const PairRow& pair : list_pairs(workspace.db())) first.emplace(pair.form, pair.question);
  EXPECT_EQ(first["original"], "How do I repair the boiler?");
  EXPECT_EQ(first["keywords"], "repair boiler");
  EXPECT_EQ(first["plain"], "how do i repair the boiler");
  EXPECT_TRUE(first.contains("teacher"));
  for (const PairRow& pair : list_pairs(workspace.db()))
    EXPECT_EQ(pair.form == "unanswerable", is_refusal(pair.answer) && !pair.fact_id);
}

TEST(Generate, ResumesAfterAnInterruptionWithTheSameRows) {
  TestWorkspace whole("generate_whole"), cut("generate_cut");
  fill(whole);
  fill(cut);
  FakeChatModel teacher(scripted_reply);
  SilentReporter reporter;
  (void)generate(whole.get(), small_options(), teacher, reporter);
  struct DyingModel final : public ChatModel {
    explicit DyingModel(FakeChatModel& wrapped) : inner(wrapped) {}
    std::vector<ChatReply> generate(const std::vector<ChatRequest>& requests,
                                    const std::function<void(std::size_t)>& done) override {
      if (++calls == 3) throw Error(Kind::Device, "killed");
      return inner.generate(requests, done);
    }
    ChatReply stream(const ChatRequest& r, const std::function<bool(std::string_view)>& f) override {
      return inner.stream(r, f);
    }
    std::vector<Score> score(const std::vector<ScoreRequest>& r) override { return inner.score(r); }
    int count_tokens(std::string_view text) const override { return inner.count_tokens(text); }
    int max_context_tokens() const override { return 2048; }
    std::int64_t n_parameters() const override { return 1000; }
    std::string id() const override { return inner.id(); }
    FakeChatModel& inner;
    int calls = 0;
  } dying(teacher);
  EXPECT_THROW((void)generate(cut.get(), small_options(), dying, reporter), Error);
  const std::size_t asked_before = teacher.seen.size();
  (void)generate(cut.get(), small_options(), teacher, reporter);
  EXPECT_EQ(teacher.seen.size() - asked_before, (24U - 16U) * 12U);  // two batches of eight facts were already there
  EXPECT_EQ(pair_lines(whole.db()), pair_lines(cut.db()));
}

TEST(Generate, ASecondRunHasNothingToDo) {
  TestWorkspace workspace("generate_again");
  fill(workspace, 2);
  FakeChatModel teacher(scripted_reply);
  SilentReporter reporter;
  (void)generate(workspace.get(), small_options(), teacher, reporter);
  EXPECT_TRUE(generate(workspace.get(), small_options(), teacher, reporter).up_to_date);
}

TEST(Generate, NewDocumentsAskOnlyForThemselves) {
  TestWorkspace workspace("generate_more");
  fill(workspace, 8);
  FakeChatModel teacher(scripted_reply);
  SilentReporter reporter;
  (void)generate(workspace.get(), small_options(), teacher, reporter);
  const auto before = teacher.seen.size();
  workspace.add_section(workspace.add_source("other.md"), {"What is a yurt?"},
                        "A yurt is a round tent of felt and wood.");
  (void)generate(workspace.get(), small_options(), teacher, reporter);
  EXPECT_EQ(teacher.seen.size() - before, 12U);
}

TEST(Generate, WithholdsSecretsAndAddresses) {
  TestWorkspace workspace("generate_private");
  const RowId source = workspace.add_source("a.md");
  workspace.add_section(source, {"Whom do I write to?"}, "Write to jane@example.org about all repairs.");
  workspace.add_section(source, {"What is the key?"}, "The key is AKIAIOSFODNN7EXAMPLE for every user.");
  FakeChatModel teacher(scripted_reply);
  SilentReporter reporter;
  StageReport report = generate(workspace.get(), small_options(), teacher, reporter);
  EXPECT_EQ(report.counts["redacted e_mail"], 1);
  EXPECT_EQ(report.counts["dropped secret"], 1);
  for (const PairRow& pair : list_pairs(workspace.db())) {
    EXPECT_EQ(pair.answer.find("AKIA"), std::string::npos);
    EXPECT_EQ(pair.answer.find("jane@"), std::string::npos);
  }
  for (const ChatRequest& request : teacher.seen)
    for (const Message& message : request.messages) EXPECT_EQ(message.text.find("jane@"), std::string::npos);
}

TEST(Generate, SaysWhatToDoWithoutSections) {
  TestWorkspace workspace("generate_empty");
  FakeChatModel teacher(scripted_reply);
  SilentReporter reporter;
  EXPECT_THROW((void)generate(workspace.get(), small_options(), teacher, reporter), Error);
}

TEST(Generate, ForecastEqualsWhatIsAsked) {
  TestWorkspace workspace("generate_forecast");
  fill(workspace, 5);
  FakeChatModel teacher(scripted_reply);
  SilentReporter reporter;
  const GenerateForecast forecast = forecast_generate(workspace.get(), small_options(), teacher);
  StageReport report = generate(workspace.get(), small_options(), teacher, reporter);
  EXPECT_EQ(forecast.n_facts, 5);
  EXPECT_EQ(static_cast<double>(forecast.n_requests), report.counts["asked"]);
  EXPECT_GT(forecast.n_prompt_tokens, 0);
}

TEST(WordingRequests, ReadWhatPromptsShareOnce) {
  std::vector<WordingRequest> requests(3);
  requests[0].chat.messages = {{Role::System, "one beginning"}, {Role::User, "first"}};
  requests[1].chat.messages = {{Role::System, "one beginning"}, {Role::User, "first"}};
  requests[2].chat.messages = {{Role::System, "one beginning"}, {Role::User, "fourth"}};
  // "first" and "fourth" part after their "f"; each message ends with one byte.
  EXPECT_EQ(fresh_prompt_bytes(requests), std::string("one beginning\nfirst\n").size() + std::string("ourth\n").size());
  EXPECT_EQ(fresh_prompt_bytes({}), 0u);
}

TEST(WordingRequests, SteerByExamplesAndDifferInSeed) {
  GenerateOptions options = small_options();
  options.example_questions = {"why wont it start"};
  WordingBatch batch;
  batch.voice.examples = options.example_questions;
  batch.facts.resize(1);
  batch.facts[0].fact.key = "k";
  batch.facts[0].fact.answer = "Open it.";
  batch.facts[0].question = "How do I open it?";
  const auto requests = wording_requests(batch, options, false);
  std::set<std::uint64_t> seeds;
  for (const auto& request : requests) {
    seeds.insert(request.chat.sampling.seed);
    EXPECT_NE(request.chat.messages.front().text.find("why wont it start"), std::string::npos);
  }
  EXPECT_EQ(seeds.size(), 12U);
}

ReadReply read(std::string text, Finish finish = Finish::Stop, bool constrained = false) {
  ChatReply reply;
  reply.text = std::move(text);
  reply.finish = finish;
  reply.failure = finish == Finish::Failed ? "x" : "";
  FactToWord fact;
  fact.question = "How do I open it?";
  return read_reply(reply, fact, constrained);
}

TEST(ReadReply, DividesRepliesIntoKeptRejectedAndFailed) {
  EXPECT_EQ(read("How can it be opened?").outcome, "kept");
  EXPECT_EQ(read("how do I open it").outcome, "rejected");
  EXPECT_EQ(read("How can one", Finish::Length).outcome, "rejected");
  EXPECT_EQ(read(" \n").outcome, "failed");
  EXPECT_EQ(read("", Finish::Failed).reason, "x");
  EXPECT_EQ(read("{\"question\": \"Can it be opened?\"}", Finish::Stop, true).question, "Can it be opened?");
  EXPECT_EQ(read("no json", Finish::Stop, true).outcome, "failed");
}

TEST(ShareOut, GivesEverySectionItsShare) {
  EXPECT_EQ(share_out({3, 5}, 10), (std::vector<std::size_t>{3, 5}));
  const auto shares = share_out({100, 10, 1, 0}, 50);
  EXPECT_LE(shares[0] + shares[1] + shares[2], 50U);
  EXPECT_GT(shares[0], shares[1]);
  EXPECT_EQ(shares[2], 1U);
  EXPECT_EQ(shares[3], 0U);
  const auto tight = share_out(std::vector<std::size_t>(10, 5), 4);
  EXPECT_EQ(std::count(tight.begin(), tight.end(), 1U), 4);
}

}  // namespace
}  // namespace faqsmith
