// Rewordings by rule, questions made of statements, and teacher prompts.
#include "faq/rewording.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "faq/statement_questions.h"
#include "faq/teacher_prompts.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

TEST(Reframed, TurnsAQuestionIntoWhatPeopleType) {
  EXPECT_TRUE(contains(reframed("How do I put a package on hold?"), "is there a way to put a package on hold"));
  EXPECT_TRUE(contains(reframed("What does the stable directory contain?"), "what's in the stable directory"));
  EXPECT_TRUE(contains(reframed("I am on stable. Can I change to testing? If so, how?"),
                       "is it possible to change to testing"));
  EXPECT_TRUE(contains(reframed("Why is GNU free?"), "reason for GNU free"));
}

TEST(RuleRewordings, AreDistinctReplayAndKeepTheirTopic) {
  const std::string question = "How can I find out what package produced a particular file?";
  const auto wordings = rule_rewordings(question, 14, 3);
  EXPECT_EQ(wordings.size(), 14U);
  EXPECT_EQ(std::set<std::string>(wordings.begin(), wordings.end()).size(), 14U);
  EXPECT_EQ(wordings, rule_rewordings(question, 14, 3));
  EXPECT_NE(wordings, rule_rewordings(question, 14, 4));
  EXPECT_FALSE(contains(wordings, question));
  for (const std::string& wording : wordings) EXPECT_GE(words_of(wording).size(), 2U);
}

TEST(RuleRewordings, TakeAnyText) {
  EXPECT_TRUE(rule_rewordings("", 5, 1).empty());
  EXPECT_LE(rule_rewordings("?", 5, 1).size(), 5U);
  EXPECT_LE(rule_rewordings("\xFF\xFE what", 5, 1).size(), 5U);
  EXPECT_LE(rule_rewordings(std::string(20'000, 'a') + " b?", 3, 1).size(), 3U);
}

TEST(CarelesslyTyped, KeepsNamesWithDots) {
  EXPECT_EQ(carelessly_typed("What is libfoo.so, and why?"), "what is libfoo.so and why");
}

TEST(StatementQuestions, FitTheirSentence) {
  EXPECT_TRUE(contains(statement_questions("Llama 2 was pretrained on 2 trillion tokens of data."),
                       "What was Llama 2 pretrained on?"));
  EXPECT_TRUE(contains(statement_questions("The archive contains all packages of a release."),
                       "What does the archive contain?"));
  EXPECT_TRUE(contains(statement_questions("To list all packages, run dpkg --list."), "How do I list all packages?"));
  EXPECT_TRUE(
      contains(statement_questions("If you want to hold a package, use apt-mark."), "How do I hold a package?"));
  EXPECT_TRUE(contains(statement_questions("You can check the version by running lsb_release."),
                       "How can I check the version?"));
}

TEST(StatementQuestions, AreSilentWithoutASubjectThatStandsAlone) {
  EXPECT_TRUE(statement_questions("It is a round tent of felt.").empty());
  EXPECT_TRUE(statement_questions("This was changed.").empty());
  EXPECT_TRUE(statement_questions("The first provides a function that returns the dataset.").empty());
  EXPECT_TRUE(statement_questions("Table 3: Comparison of performance of various models.").empty());
  EXPECT_FALSE(statement_questions("The first release contains all packages.").empty());
  EXPECT_TRUE(statement_questions("Never!").empty());
}

TEST(StatementQuestions, AgreeInNumberAndHaveARealSubject) {
  EXPECT_EQ(statement_questions("Control mechanisms: Additional controls let users choose.").front(),
            "What are Control mechanisms?");
  EXPECT_TRUE(statement_questions("Any output filter should include a list.").empty());
}

TEST(Reframed, AQuestionOfItsOwnFormIsLeftAlone) {
  for (const std::string& text : reframed("I have some questions, is there a section for them?"))
    EXPECT_EQ(text.find("help with"), std::string::npos) << text;
}

TEST(SearchWords, NameTheTopicAndTheTextsOwnWords) {
  const std::string words = search_words("Model Card", "Llama 2 was clearly pretrained on trillions of tokens.");
  EXPECT_NE(words.find("llama"), std::string::npos);
  EXPECT_NE(words.find("tokens"), std::string::npos);
  EXPECT_EQ(words.find("clearly"), std::string::npos) << "nobody searches by an adverb";
  EXPECT_TRUE(search_words("", "No way.").empty());
}

TEST(TeacherPrompts, PutTheFactLastAndShareWhatComesBefore) {
  TeacherVoice voice;
  voice.topic = "tools";
  const auto a = reword_messages(4, voice, "How do I mend it?"), b = reword_messages(4, voice, "Where is it?");
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i + 1 < a.size(); ++i) EXPECT_EQ(a[i].text, b[i].text);
  EXPECT_EQ(a.back().text, "How do I mend it?");
  EXPECT_NE(a.front().text.find("tools"), std::string::npos);
}

TEST(TeacherPrompts, UseADocumentsOwnQuestionsAsShotsButNeverTheOneAsked) {
  TeacherVoice voice;
  std::vector<Shot> pairs;
  for (const char* thing : {"boiler", "ladder", "window", "garden", "bicycle", "camera"})
    pairs.push_back({std::string("How do I repair the ") + thing + "?", "Open it and look."});
  add_own_shots(voice, pairs);
  EXPECT_EQ(voice.reword_shots.size(), 6U);
  for (int variant = 0; variant < kPromptVariants; ++variant) {
    for (const Shot& pair : pairs) {
      const auto messages = reword_messages(variant, voice, pair.given);
      EXPECT_GE(messages.size(), 8U);
      for (std::size_t i = 0; i + 1 < messages.size(); ++i) EXPECT_NE(messages[i].text, pair.given);
    }
  }
}

TEST(TeacherPrompts, ReadTheirOwnJson) {
  EXPECT_EQ(question_from_json("{\"question\":\"a?\"}"), "a?");
  EXPECT_EQ(question_from_json("[]"), "");
  EXPECT_EQ(question_from_json("{\"question\":1}"), "");
}

}  // namespace
}  // namespace faqsmith
