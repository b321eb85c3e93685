// The four formats: round trips and refusals.
#include "faq/data_formats.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace faqsmith {
namespace {

std::string error_of(const std::string& bytes) {
  try {
    (void)read_data(bytes, "x.jsonl");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(DataFormats, RoundTripIsLossless) {
  const std::vector<std::pair<std::string, DataFormat>> rows = {
      {R"({"question":"q \"a\" ü?","answer":"a\nb","tag":[1,2]})", DataFormat::Faq},
      {R"({"instruction":"Translate.","input":"Hallo","output":"Hello"})", DataFormat::Alpaca},
      {R"({"instruction":"Say hi.","input":"","output":"hi","system":"s"})", DataFormat::Alpaca},
      {R"({"conversations":[{"from":"system","value":"s"},{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"id":"7"})",
       DataFormat::ShareGpt},
      {R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}]})",
       DataFormat::Messages}};
  for (const auto& [line, format] : rows) {
    const auto read = read_data(line + "\n", "x");
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(write_row(read[0], format), line);
  }
}

TEST(DataFormats, ConvertIntoEachOther) {
  const auto rows = read_data(R"({"question":"q?","answer":"a"})", "x");
  for (const auto format : {DataFormat::Faq, DataFormat::Alpaca, DataFormat::ShareGpt, DataFormat::Messages}) {
    const auto again = read_data(write_row(rows[0], format), "y");
    EXPECT_EQ(again[0].question(), "q?");
    EXPECT_EQ(again[0].answer(), "a");
  }
}

TEST(DataFormats, AcceptBomEmptyLinesCrLfAndAWholeArray) {
  EXPECT_EQ(read_data("\xEF\xBB\xBF\r\n{\"question\":\"q\",\"answer\":\"a\"}\r\n\r\n", "x").size(), 1U);
  EXPECT_EQ(read_data("[{\"question\":\"q\",\"answer\":\"a\"},{\"question\":\"r\",\"answer\":\"b\"}]", "x").size(), 2U);
}

TEST(DataFormats, ErrorsNameFileAndLine) {
  EXPECT_NE(error_of("{\"question\":\"q\",\"answer\":\"a\"}\n{broken").find("x.jsonl line 2"), std::string::npos);
  EXPECT_NE(error_of("{\"question\":\"q\"}").find("\"answer\" is missing"), std::string::npos);
  EXPECT_NE(error_of("{\"question\":5,\"answer\":\"a\"}").find("not a text"), std::string::npos);
  EXPECT_NE(error_of("{\"question\":\" \",\"answer\":\"a\"}").find("empty"), std::string::npos);
  EXPECT_NE(error_of("[1]").find("row 1"), std::string::npos);
  EXPECT_NE(error_of("{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}").find("alternate"),
            std::string::npos);
  EXPECT_NE(error_of("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}").find("needs a question"),
            std::string::npos);
}

TEST(DataFormats, HostileJsonIsRefusedBeforeItIsParsed) {
  EXPECT_NE(error_of(std::string(100'000, '[')).find("too deeply"), std::string::npos);
  EXPECT_NE(error_of("{\"question\":" + std::string(3000, '{')).find("too deeply"), std::string::npos);
  EXPECT_FALSE(error_of(std::string("\0\xFF\xFE", 3)).empty());
  EXPECT_FALSE(error_of("{\"question\":\"\xFF\",\"answer\":\"a\"}").empty());
}

TEST(DataFormats, ALongConversationFitsOnlyWhereTurnsDo) {
  const auto rows = read_data(
      R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}]})",
      "x");
  EXPECT_THROW((void)write_row(rows[0], DataFormat::Alpaca), Error);
}

}  // namespace
}  // namespace faqsmith
