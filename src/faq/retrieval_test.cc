// Search over facts, and the unanswerable questions that are checked against it.
#include "faq/retrieval.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "faq/unanswerable.h"

namespace faqsmith {
namespace {

class Retrieval : public ::testing::Test {
 protected:
  Retrieval() : folder_(fs::temp_directory_path() / ("faqsmith_retrieval_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    db_ = std::make_unique<Database>(folder_ / "faqsmith.db");
  }
  ~Retrieval() override {
    db_.reset();
    fs::remove_all(folder_);
  }
  static FactRow fact(RowId id, const std::string& heading, const std::string& answer) {
    FactRow row;
    row.id = id;
    row.origin = "harvest";
    row.heading = heading;
    row.answer = row.quote = answer;
    return row;
  }
  fs::path folder_;
  std::unique_ptr<Database> db_;
  std::vector<FactRow> facts_ = {
      fact(3, "How do I put a Debian package on hold?", "Use apt-mark hold."),
      fact(5, "What is a virtual package?", "A generic name for a group of Debian packages."),
      fact(8, "Where is the source code of Debian?", "Sources lie in the source directory.")};
};

TEST_F(Retrieval, FindsTheFactBehindAnotherWording) {
  const FactIndex index(*db_, indexed_facts(facts_));
  const auto hits = index.search("hold packages back", 3);
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits[0].id, 3);
  EXPECT_GT(hits[0].score, 0);
}

TEST_F(Retrieval, TakesAnyBytesAsAQuery) {
  const FactIndex index(*db_, indexed_facts(facts_));
  for (const std::string query :
       {"\" OR 1=1 --", "NEAR(a b) AND", "a* ^b :c {d}", "()", "", "\xFF\xFE\x80", "'; DROP TABLE facts"})
    EXPECT_LE(index.search(query, 3).size(), 3U);
  EXPECT_LE(index.search(std::string(100'000, '"') + " hold", 3).size(), 1U);
  EXPECT_LE(index.search(std::string("hold\0package", 12), 3).size(), 3U);
}

TEST_F(Retrieval, TwoIndexesLiveSideBySide) {
  const FactIndex all(*db_, indexed_facts(facts_));
  const FactIndex one(*db_, indexed_facts({facts_[1]}));
  EXPECT_TRUE(one.search("hold", 3).empty());
  EXPECT_EQ(all.search("hold", 3).size(), 1U);
}

TEST_F(Retrieval, KnowsTheQuestionsOfPairs) {
  PairRow pair;
  pair.fact_id = 8;
  pair.question = "Can I get the tarballs?";
  const FactIndex index(*db_, indexed_facts(facts_, {pair}));
  ASSERT_EQ(index.search("tarballs", 1).size(), 1U);
  EXPECT_EQ(index.search("tarballs", 1)[0].id, 8);
}

TEST_F(Retrieval, UnanswerableQuestionsAreDistinctAndReplay) {
  const FactIndex index(*db_, indexed_facts(facts_));
  const auto questions = unanswerable_questions(60, 7, facts_, index);
  EXPECT_EQ(questions.size(), 60U);
  EXPECT_EQ(std::set<std::string>(questions.begin(), questions.end()).size(), 60U);
  EXPECT_EQ(questions, unanswerable_questions(60, 7, facts_, index));
  EXPECT_NE(questions, unanswerable_questions(60, 8, facts_, index));
}

TEST_F(Retrieval, ADocumentQuestionIsMovedToSeveralProducts) {
  EXPECT_EQ(without_product("How do I hold a package in Windows 11?"), "How do I hold a package in {}?");
  EXPECT_EQ(without_product("How tall is Mount Everest?"), "How tall is Mount Everest?");
  std::vector<FactRow> facts = facts_;
  for (FactRow& fact : facts) {
    fact.origin = "harvest";
    fact.heading = "What is " + fact.heading + " of Debian?";
  }
  const FactIndex index(*db_, indexed_facts(facts));
  std::map<std::string, int> moves;
  for (const std::string& question : unanswerable_questions(1000, 7, facts, index)) {
    const std::string family = without_product(question);
    if (family != question) ++moves[family];
  }
  EXPECT_EQ(moves.size(), facts.size());
  for (const auto& [family, n] : moves) EXPECT_EQ(n, 4) << family;
}

TEST_F(Retrieval, AnAnswerableQuestionIsSeenAsOne) {
  const FactIndex index(*db_, indexed_facts(facts_));
  EXPECT_EQ(main_name(facts_), "Debian");
  EXPECT_TRUE(maybe_answerable("how to hold a package in Debian", "Debian", index, facts_));
  EXPECT_FALSE(maybe_answerable("When is the Debian christmas party?", "Debian", index, facts_));
}

}  // namespace
}  // namespace faqsmith
