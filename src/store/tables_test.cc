// Each table keeps what was put in; stale sections hide what hangs on them and come back with their facts.
#include "store/tables.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace faqsmith {
namespace {

class Tables : public ::testing::Test {
 protected:
  Tables() : folder(make_folder()), db(folder / "faqsmith.db") {}
  ~Tables() override { fs::remove_all(folder); }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "faqsmith_tables_XXXXXX").string();
    return mkdtemp(name.data());
  }
  RowId source(const std::string& path) {
    SourceRow row;
    row.path = path;
    row.state = "ok";
    return put_source(db, row);
  }
  RowId section(RowId source_id, int ordinal, const std::string& hash) {
    SectionRow row;
    row.source_id = source_id;
    row.ordinal = ordinal;
    row.heading_path = {"Chapter \"one\"", "é"};
    row.text = "text of " + hash;
    row.page = 3;
    row.begin_byte = 10;
    row.end_byte = 20;
    row.n_tokens = 5;
    row.hash = hash;
    return add_section(db, row);
  }
  RowId fact(RowId section_id, const std::string& key) {
    FactRow row;
    row.section_id = section_id;
    row.key = key;
    row.origin = "harvest";
    row.quote = "q";
    row.answer = "a";
    row.heading = "h?";
    return add_fact(db, row);
  }
  RowId pair(std::optional<RowId> fact_id, const std::string& key) {
    PairRow row;
    row.fact_id = fact_id;
    row.key = key;
    row.question = "Q";
    row.answer = "A";
    row.form = "original";
    return add_pair(db, row);
  }
  fs::path folder;
  Database db;
};

TEST_F(Tables, SourceIsUpdatedByPath) {
  const RowId id = source("a.md");
  SourceRow row = *find_source(db, "a.md");
  row.title = "New";
  row.dropped = R"({"hidden":2})";
  EXPECT_EQ(put_source(db, row), id);
  ASSERT_EQ(list_sources(db).size(), 1U);
  EXPECT_EQ(list_sources(db)[0].title, "New");
  EXPECT_EQ(list_sources(db)[0].dropped, R"({"hidden":2})");
  EXPECT_FALSE(find_source(db, "b.md"));
}

TEST_F(Tables, SectionKeepsEveryField) {
  const RowId id = section(source("a.md"), 0, "h1");
  const SectionRow row = *get_section(db, id);
  EXPECT_EQ(row.heading_path, (std::vector<std::string>{"Chapter \"one\"", "é"}));
  EXPECT_EQ(row.text, "text of h1");
  EXPECT_EQ(row.page, 3);
  EXPECT_EQ(row.begin_byte, 10);
  EXPECT_EQ(row.end_byte, 20);
  EXPECT_EQ(row.n_tokens, 5);
  EXPECT_FALSE(row.stale);
}

TEST_F(Tables, StaleSectionHidesItsFactsAndPairsUntilItComesBack) {
  const RowId a = source("a.md");
  const RowId first = section(a, 0, "h1");
  const RowId fact_id = fact(first, "f1");
  pair(fact_id, "p1");
  pair(std::nullopt, "p2");
  mark_sections_stale(db, a);
  EXPECT_TRUE(list_sections(db).empty());
  EXPECT_TRUE(list_facts(db).empty());
  ASSERT_EQ(list_pairs(db).size(), 1U);
  EXPECT_EQ(section(a, 4, "h1"), first) << "the text moved down in its file";
  EXPECT_EQ(get_section(db, first)->ordinal, 4);
  EXPECT_EQ(list_facts(db).size(), 1U);
  EXPECT_EQ(list_pairs(db).size(), 2U);
}

TEST_F(Tables, RenamedFileKeepsItsFacts) {
  const RowId a = source("a.md");
  const RowId old = section(a, 0, "h1");
  fact(old, "f1");
  mark_sections_stale(db, a);
  EXPECT_EQ(section(source("b.md"), 0, "h1"), old);
  EXPECT_EQ(list_facts(db).size(), 1U);
}

TEST_F(Tables, SameTextInTwoLiveFilesIsTwoSections) {
  const RowId first = section(source("a.md"), 0, "h1");
  EXPECT_NE(section(source("b.md"), 0, "h1"), first);
  EXPECT_EQ(list_sections(db).size(), 2U);
}

TEST_F(Tables, FactOfAStaleSectionMovesToTheLiveOne) {
  const RowId a = source("a.md");
  const RowId first = section(a, 0, "h1");
  const RowId other = section(source("b.md"), 0, "h1");
  const RowId id = fact(first, "f1");
  EXPECT_EQ(fact(other, "f1"), id);
  EXPECT_EQ(get_fact(db, id)->section_id, first) << "its section is still there";
  mark_sections_stale(db, a);
  EXPECT_EQ(fact(other, "f1"), id);
  EXPECT_EQ(get_fact(db, id)->section_id, other);
}

TEST_F(Tables, PairTakesVerdictAndPart) {
  const RowId id = pair(std::nullopt, "p1");
  EXPECT_EQ(pair(std::nullopt, "p1"), id);
  set_pair_verdict(db, id, "kept", "[]", R"({"search":1})");
  set_pair_part(db, id, "train");
  ASSERT_EQ(list_pairs_in(db, "train").size(), 1U);
  EXPECT_EQ(list_pairs_in(db, "train")[0].scores, R"({"search":1})");
  EXPECT_TRUE(list_pairs_in(db, "gold").empty());
}

TEST_F(Tables, RequestsCountByOutcome) {
  RequestRow row;
  row.batch = "b1";
  row.kind = "wording";
  row.reply = "raw \xf0\x9f\x98\x80";
  row.outcome = "kept";
  EXPECT_FALSE(batch_done(db, "b1"));
  add_request(db, row);
  row.ordinal = 1;
  row.outcome = "failed";
  add_request(db, row);
  EXPECT_TRUE(batch_done(db, "b1"));
  EXPECT_THROW(add_request(db, row), Error) << "a batch is written once";
  EXPECT_EQ(count_requests_by_outcome(db), (std::map<std::string, std::int64_t>{{"kept", 1}, {"failed", 1}}));
}

TEST_F(Tables, AnswerIsReplacedWithinARun) {
  AnswerRow row;
  row.run = "r1";
  row.pair_id = pair(std::nullopt, "p1");
  row.model = "tuned";
  row.answer = "one";
  const RowId id = add_answer(db, row);
  row.answer = "two";
  row.refused = true;
  EXPECT_EQ(add_answer(db, row), id);
  ASSERT_EQ(list_answers(db, "r1").size(), 1U);
  EXPECT_EQ(list_answers(db, "r1")[0].answer, "two");
  EXPECT_TRUE(list_answers(db, "r1")[0].refused);
  EXPECT_FALSE(list_answers(db, "r1")[0].cited_fact_id);
}

TEST_F(Tables, SetClusterIsKept) {
  const RowId id = fact(section(source("a.md"), 0, "h1"), "f1");
  set_fact_cluster(db, id, "f0");
  EXPECT_EQ(get_fact(db, id)->cluster, "f0");
}

TEST_F(Tables, StageRunGoesBackToRunningWithTheSameKey) {
  StageRunRow row;
  row.stage = "collect";
  row.key = "k1";
  const RowId id = begin_stage_run(db, row);
  end_stage_run(db, id, "failed", "{}", "why");
  EXPECT_EQ(find_stage_run(db, "collect", "k1")->error, "why");
  EXPECT_EQ(begin_stage_run(db, row), id);
  EXPECT_EQ(find_stage_run(db, "collect", "k1")->state, "running");
  EXPECT_EQ(find_stage_run(db, "collect", "k1")->error, "");
  EXPECT_FALSE(last_stage_run(db, "train"));
  EXPECT_EQ(list_stage_runs(db).size(), 1U);
}

}  // namespace
}  // namespace faqsmith
