// The evaluate stage with scripted models: who is asked what, what is counted, resuming, and hostile text in the
// report.
#include "stages/evaluate/evaluate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "faq/refusal.h"
#include "llm/fake_model.h"
#include "stages/evaluate/html.h"
#include "stages/evaluate/measure.h"
#include "stages/evaluate/report_html.h"
#include "stages/evaluate/report_json.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kFacts = 12;
const char* const kThings[kFacts] = {"kernel",  "mirror", "keyring", "installer", "desktop", "firewall",
                                     "printer", "backup", "mailer",  "browser",   "clock",   "locale"};

class NotingReporter final : public Reporter {
 public:
  void begin(std::string_view, std::int64_t, std::string_view) override {}
  void update(std::int64_t, std::string_view) override {}
  void end(std::string_view) override {}
  void note(std::string_view line) override { notes.emplace_back(line); }
  void warn(std::string_view) override {}
  std::vector<std::string> notes;
};

// Twelve facts with a training and a reworded question each, the last one held out, some questions without an answer.
class Evaluate : public ::testing::Test {
 protected:
  Evaluate() : folder(make_folder()), workspace(std::make_unique<Workspace>(folder, Workspace::Mode::Create)) {
    db().transaction([&] { fill(); });
  }
  ~Evaluate() override {
    workspace.reset();
    fs::remove_all(folder);
  }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "faqsmith_evaluate_XXXXXX").string();
    return mkdtemp(name.data());
  }
  static std::string answer_about(const std::string& thing) {
    return fmt::format("The {0} is set up by running setup-{0} as root, once.", thing);
  }

  RowId add(const std::optional<RowId>& fact, const std::string& question, const std::string& answer,
            const char* part) {
    PairRow pair;
    pair.fact_id = fact;
    pair.key = question;
    pair.question = question;
    pair.answer = answer;
    pair.form = "teacher";
    const RowId id = add_pair(db(), pair);
    set_pair_verdict(db(), id, "kept", "[]", "{}");
    set_pair_part(db(), id, part);
    return id;
  }

  void fill() {
    SourceRow guide;
    guide.path = "guide.md";
    guide.sha256 = "x";
    guide.format = "markdown";
    guide.title = "Guide";
    guide.state = "ok";
    const RowId source = put_source(db(), guide);
    SectionRow section;
    section.source_id = source;
    section.heading_path = {"Guide", "Set up"};
    section.text = "text";
    section.hash = "s";
    const RowId section_id = add_section(db(), section);
    for (int i = 0; i < kFacts; ++i) {
      const std::string thing = kThings[i];
      FactRow fact;
      fact.section_id = section_id;
      fact.key = thing;
      fact.origin = "quoted";
      fact.quote = fact.answer = answer_about(thing);
      fact.heading = thing;
      const RowId id = add_fact(db(), fact);
      if (i == kFacts - 1) {
        add(id, "Where do I change the " + thing + "?", fact.answer, "unseen");
        continue;
      }
      add(id, "How do I set up the " + thing + "?", fact.answer, "train");
      add(id, "What must I run for the " + thing + "?", fact.answer, "reworded");
      add(id, "My " + thing + " does not work", fact.answer, "reworded");
    }
    add(std::nullopt, "validation only", "x", "validation");
    for (int i = 0; i < 14; ++i)
      add(std::nullopt, fmt::format("Who won the match number {}?", i), std::string(kRefusal), "refusal");
  }

  Database& db() { return workspace->db(); }
  EvaluateOptions options() {
    EvaluateOptions out;
    out.topic = "a made-up system";
    out.max_tokens = 32;
    out.report_folder = folder / "report";
    return out;
  }

  static std::string know_it(const ChatRequest& request) {
    const std::string& question = request.messages.back().text;
    for (int i = 0; i < kFacts - 1; ++i) {
      if (question.find(kThings[i]) != std::string::npos) return " " + answer_about(kThings[i]) + "\n";
    }
    return std::string(kRefusal);
  }
  static std::string babble(const ChatRequest&) { return "Certainly! Here is what you should do about it as root."; }

  FakeChatModel base{babble, [](const ScoreRequest&) { return Score{-30, 10}; }, "base-id"};
  FakeChatModel tuned{know_it, [](const ScoreRequest&) { return Score{-5, 10}; }, "tuned-id"};
  SilentReporter silent;
  fs::path folder;
  std::unique_ptr<Workspace> workspace;
};

TEST_F(Evaluate, ShowsThatTrainingHelped) {
  NotingReporter reporter;
  const StageReport report = evaluate(*workspace, options(), base, tuned, reporter);
  EXPECT_EQ(report.counts.at("items"), 37);
  EXPECT_EQ(report.counts.at("reworded token_f1 tuned"), 1.0);
  EXPECT_LT(report.counts.at("reworded token_f1 base"), 0.5);
  EXPECT_GT(report.counts.at("reworded token_f1 low"), 0.4);
  EXPECT_EQ(report.counts.at("reworded own_fact tuned"), 1.0);
  EXPECT_EQ(report.counts.at("reworded cited tuned"), 1.0);
  EXPECT_EQ(report.counts.at("reworded refused tuned"), 0.0);
  EXPECT_EQ(report.counts.at("refusal refused tuned"), 1.0);
  EXPECT_EQ(report.counts.at("refusal refused base"), 0.0);
  EXPECT_EQ(report.counts.at("unseen refused tuned"), 1.0);
  EXPECT_EQ(report.counts.at("unseen right tuned"), 0.0);
  EXPECT_EQ(report.counts.at("unseen wrong base"), 1.0);
  EXPECT_EQ(report.counts.at("all refusal_precision tuned"), 1.0);
  EXPECT_DOUBLE_EQ(report.counts.at("reworded loss base"), 3.0);
  EXPECT_DOUBLE_EQ(report.counts.at("reworded loss difference"), -2.5);
  EXPECT_THAT(reporter.notes, testing::Contains(HasSubstr("reworded (22)")));
  EXPECT_THAT(reporter.notes, testing::Contains(HasSubstr("better")));
  const Evaluation found = last_evaluation(*workspace, options());
  EXPECT_EQ(found.tuned_id, "tuned-id");
  EXPECT_EQ(find_comparison(found, "reworded", "token_f1")->n_facts, 11u);
  EXPECT_EQ(verdict(*find_comparison(found, "reworded", "token_f1")), 1);
  EXPECT_EQ(verdict(*find_comparison(found, "reworded", "loss")), 1);
}

TEST_F(Evaluate, AsksGreedilyWithTheBotsPromptAndNeverAsksValidation) {
  (void)evaluate(*workspace, options(), base, tuned, silent);
  ASSERT_EQ(tuned.seen.size(), 37u);
  for (const ChatRequest& request : tuned.seen) {
    EXPECT_EQ(request.messages.front().text, "You answer questions about a made-up system.");
    EXPECT_EQ(request.sampling.temperature, 0);
    EXPECT_EQ(request.sampling.max_tokens, 32);
    EXPECT_NE(request.messages.back().text, "validation only");
  }
}

TEST_F(Evaluate, SearchAloneFindsTrainedFactsOnly) {
  (void)evaluate(*workspace, options(), base, tuned, silent);
  const Evaluation found = last_evaluation(*workspace, options());
  EXPECT_GT(find_comparison(found, "reworded", "token_f1")->value.at(kSearch), 0.9);
  EXPECT_EQ(find_comparison(found, "unseen", "right")->value.count(kSearch), 1u);
  EXPECT_FALSE(find_comparison(found, "reworded", "loss")->value.contains(kSearch));
}

TEST_F(Evaluate, SameKeyAsksNothingAgainAndRestoresALostReport) {
  const StageReport first = evaluate(*workspace, options(), base, tuned, silent);
  const std::string html = read_file(options().report_folder / "report.html");
  fs::remove(options().report_folder / "report.html");
  base.seen.clear();
  const StageReport second = evaluate(*workspace, options(), base, tuned, silent);
  EXPECT_TRUE(second.up_to_date);
  EXPECT_EQ(second.counts, first.counts);
  EXPECT_TRUE(base.seen.empty());
  EXPECT_EQ(read_file(options().report_folder / "report.html"), html);
}

TEST_F(Evaluate, GoesOnAtTheFirstMissingBlockAndEndsWithTheSameRows) {
  const StageReport whole = evaluate(*workspace, options(), base, tuned, silent);
  const std::string html = read_file(options().report_folder / "report.html");

  // The same again in a fresh workspace, with a tuned model that dies in its second block.
  workspace.reset();
  fs::remove_all(folder);
  workspace = std::make_unique<Workspace>(folder, Workspace::Mode::Create);
  db().transaction([&] { fill(); });
  int n_asked = 0;
  FakeChatModel dying(
      [&](const ChatRequest& request) {
        if (++n_asked > 34) throw std::runtime_error("killed");
        return know_it(request);
      },
      [](const ScoreRequest&) {
        return Score{-5, 10};
      },
      "tuned-id");
  EXPECT_THROW((void)evaluate(*workspace, options(), base, dying, silent), std::runtime_error);
  base.seen.clear();
  tuned.seen.clear();
  const StageReport resumed = evaluate(*workspace, options(), base, tuned, silent);
  EXPECT_TRUE(base.seen.empty());
  EXPECT_EQ(tuned.seen.size(), 5u);  // 37 items: a block of 32 was stored, 5 are left
  EXPECT_EQ(resumed.key, whole.key);
  EXPECT_EQ(resumed.counts, whole.counts);
  EXPECT_EQ(read_file(options().report_folder / "report.html"), html);
}

TEST_F(Evaluate, ALimitKeepsThatManyOfEachPart) {
  EvaluateOptions limited = options();
  limited.limit_per_part = 5;
  EXPECT_EQ(evaluate(*workspace, limited, base, tuned, silent).counts.at("items"), 11);
}

TEST_F(Evaluate, AFailedRequestCountsAsAnAnswerWithoutWords) {
  FakeChatModel failing([](const ChatRequest&) -> std::string { throw Error(Kind::Input, "too long"); }, {}, "failing");
  const StageReport report = evaluate(*workspace, options(), base, failing, silent);
  EXPECT_EQ(report.counts.at("reworded token_f1 tuned"), 0.0);
  EXPECT_EQ(report.counts.at("reworded own_fact tuned"), 0.0);
}

TEST_F(Evaluate, SaysWhatToDoWithoutTestQuestions) {
  for (const PairRow& pair : list_pairs(db())) set_pair_part(db(), pair.id, "train");
  try {
    (void)evaluate(*workspace, options(), base, tuned, silent);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::User);
    EXPECT_THAT(error.hint(), HasSubstr("split"));
  }
}

TEST_F(Evaluate, GoldAnswersWithoutAFactCompeteWithEachOther) {
  add(std::nullopt, "gold one?", "Blue whales are large.", "gold");
  add(std::nullopt, "gold two?", "Red foxes are quick.", "gold");
  FakeChatModel good(
      [](const ChatRequest& r) {
        return r.messages.back().text == "gold one?" ? "blue whales" : "blue foxes are quick";
      },
      {}, "good");
  const StageReport report = evaluate(*workspace, options(), base, good, silent);
  EXPECT_EQ(report.counts.at("gold own_fact tuned"), 1.0);
  EXPECT_EQ(report.counts.count("gold cited tuned"), 0u);
}

TEST_F(Evaluate, HostileTextIsInertInTheReport) {
  std::string hostile = "</div><script>alert(1)</script><img src=x onerror='alert(2)'>\"javascript:\x01\xFF";
  FakeChatModel attacker([&](const ChatRequest&) { return hostile; }, {}, "<b>id</b>");
  (void)evaluate(*workspace, options(), base, attacker, silent);
  const std::string html = read_file(options().report_folder / "report.html");
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_THAT(html, Not(HasSubstr("<b>id</b>")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("://")));  // nothing is fetched from anywhere
  EXPECT_TRUE(nlohmann::json::accept(read_file(options().report_folder / "report.json")));
}

TEST_F(Evaluate, WritesTheWholeComparisonAsJson) {
  (void)evaluate(*workspace, options(), base, tuned, silent);
  const auto json = parse_json(read_file(options().report_folder / "report.json"));
  EXPECT_EQ(json.at("format"), "faqsmith-evaluation-1");
  EXPECT_EQ(json.at("items").size(), 37u);
  EXPECT_EQ(json.at("items")[0].at("answers").size(), 4u);  // base, tuned, greedy, search
  EXPECT_EQ(json.at("items")[0].at("source").at("file"), "guide.md");
  EXPECT_EQ(json.at("comparisons")[0].at("metric"), "token_f1");
  EXPECT_GT(json.at("comparisons")[0].at("tuned_minus_base").at("low").get<double>(), 0.4);
}

TEST_F(Evaluate, ShowsTheFirstAnswerBesideTheOneThatSearchHelpedToChoose) {
  tuned.considers = [](const ChatRequest& request) {
    return std::vector<std::string>{answer_about("kernel"), know_it(request)};
  };
  const StageReport report = evaluate(*workspace, options(), base, tuned, silent);
  EXPECT_DOUBLE_EQ(report.counts.at("reworded own_fact tuned"), 1.0);
  EXPECT_NEAR(report.counts.at("reworded own_fact greedy"), 1.0 / (kFacts - 1), 1e-9);
  EvaluateOptions alone = options();
  alone.candidates = 1;
  const StageReport greedy = evaluate(*workspace, alone, base, tuned, silent);
  EXPECT_FALSE(greedy.counts.contains("reworded own_fact greedy"));
}

TEST(LossCurveFile, SkipsWhatItCannotRead) {
  const fs::path path = fs::temp_directory_path() / "faqsmith_metrics_test.jsonl";
  write_file_atomic(path,
                    "{\"step\":1,\"loss\":2.5}\nnot "
                    "json\n{\"step\":2,\"loss\":\"nan\"}\n{\"step\":2,\"validation_loss\":2.0}\n[]\n{\"loss\":1}\n");
  const LossCurve curve = read_loss_curve(path);
  fs::remove(path);
  ASSERT_EQ(curve.train.size(), 1u);
  ASSERT_EQ(curve.validation.size(), 1u);
  EXPECT_EQ(curve.validation[0].second, 2.0);
  EXPECT_TRUE(read_loss_curve("/nowhere/metrics.jsonl").empty());
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\" b='y'>&\n"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\n");
  EXPECT_EQ(escape_html(std::string("\0\x1B", 2)), "\uFFFD\uFFFD");
}

}  // namespace
}  // namespace faqsmith
