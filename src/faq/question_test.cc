// Question shape, tidying and forms by rule.
#include <gtest/gtest.h>

#include <algorithm>

#include "faq/question_forms.h"
#include "faq/question_shape.h"

namespace faqsmith {
namespace {

bool has(const std::vector<std::string>& faults, const std::string& name) {
  return std::find(faults.begin(), faults.end(), name) != faults.end();
}

std::string form_of(const std::vector<FormedQuestion>& forms, const std::string& name) {
  for (const FormedQuestion& form : forms)
    if (form.form == name) return form.question;
  return "";
}

TEST(QuestionHeading, IsRecognisedWithQuotesAndExclamation) {
  EXPECT_TRUE(is_question_heading("What about \"sid\"?"));
  EXPECT_TRUE(is_question_heading("OK, now I know what Debian is... what is Linux?!"));
  EXPECT_TRUE(is_question_heading("How to run the model"));
  EXPECT_FALSE(is_question_heading("Training Data"));
  EXPECT_FALSE(is_question_heading("?"));
}

TEST(QuestionFaults, AreNoneForAPersonsQuestion) {
  EXPECT_TRUE(
      question_faults("how can i see which packages are installed?", "Use dpkg --list.", "Use dpkg --list.").empty());
  EXPECT_TRUE(question_faults("Tell me how to hold a package", "Use dpkg.", "").empty());
}

TEST(QuestionFaults, NameWhatIsWrong) {
  EXPECT_TRUE(has(question_faults("What does the passage say about APT?", "", ""), "not_standalone"));
  EXPECT_TRUE(has(question_faults("Reworded: how to use APT?", "", ""), "template_leak"));
  EXPECT_TRUE(has(question_faults("You can use the dpkg tool.", "", ""), "not_a_question"));
  EXPECT_TRUE(has(question_faults("What?", "", ""), "too_short"));
  EXPECT_TRUE(has(question_faults(std::string(400, 'a') + "?", "", ""), "too_long"));
  EXPECT_TRUE(has(question_faults("What is the the package the the the?", "", ""), "repeats"));
  EXPECT_TRUE(has(question_faults("\xD0\xBA\xD0\xB0\xD0\xBA what is \xD0\xB1?", "", "plain text"), "wrong_script"));
  EXPECT_TRUE(has(question_faults("Debian GNU/Linux is a particular distribution of the Linux operating system, right?",
                                  "Debian GNU/Linux is a particular distribution of the Linux operating system.", ""),
                  "echo_answer"));
}

TEST(TidyQuestion, TakesTheFirstQuestionOutOfAReply) {
  EXPECT_EQ(tidy_question("\n1. \"How do I install it?\"\n2. Another?"), "How do I install it?");
  EXPECT_EQ(tidy_question("Question: Where is it? It is here."), "Where is it?");
  EXPECT_EQ(tidy_question("**What is APT?**"), "What is APT?");
  EXPECT_EQ(tidy_question(" \n "), "");
  EXPECT_EQ(tidy_question("What does \"sid\" mean"), "What does \"sid\" mean");
}

TEST(QuestionForms, AreKeywordsPlainAndWithoutFraming) {
  const auto forms = question_forms("OK, now I know what Debian is... what is Linux?!");
  EXPECT_EQ(form_of(forms, "plain"), "ok now i know what debian is what is linux");
  EXPECT_EQ(form_of(forms, "context"), "What is Linux?!");
  EXPECT_EQ(form_of(question_forms("How do I put a package on hold?"), "keywords"), "put package hold");
}

TEST(QuestionForms, NeverRepeatTheQuestionOrAreEmpty) {
  for (const auto* question : {"why", "what is it?", "put package hold", ""}) {
    for (const FormedQuestion& form : question_forms(question)) {
      EXPECT_NE(form.question, question);
      EXPECT_FALSE(form.question.empty());
    }
  }
}

TEST(HeadingForms, UseThePathAsContext) {
  const auto forms = heading_forms({"Llama 3 Model Card", "2. Training Data"});
  EXPECT_EQ(form_of(forms, "keywords"), "llama 3 model card training data");
  EXPECT_EQ(form_of(forms, "context"), "What does Llama 3 Model Card say about Training Data?");
  EXPECT_TRUE(heading_forms({}).empty());
}

TEST(BareHeading, LosesItsNumberButNotAYear) {
  EXPECT_EQ(bare_heading("1.2. What is Debian?"), "What is Debian?");
  EXPECT_EQ(bare_heading("Chapter 3. Choosing"), "Choosing");
  EXPECT_EQ(bare_heading("2024 results"), "2024 results");
}

}  // namespace
}  // namespace faqsmith
