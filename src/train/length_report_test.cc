// Every token of the training set is counted once, and the packs are those that the loop then takes.
#include "train/length_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "train/data_order.h"

namespace faqsmith {
namespace {

// length tokens, of which the last two are trained; the first two are the same in all.
Example example(int length, int n_answers = 1) {
  Example e{.name = "pair of " + std::to_string(length), .ids = {}, .trained = {}, .asked = {}, .n_answers = n_answers};
  for (int i = 0; i < length; ++i) {
    e.ids.push_back(i < 2 ? 5 : static_cast<TokenId>(10 + length + i));
    e.trained.push_back(i >= length - 2);
  }
  return e;
}

TrainOptions resolved() {
  TrainOptions options;
  options.method = Method::Full;
  options.rows_per_step = 2;
  options.micro_tokens = 20;
  options.max_length = 20;
  return options;
}

TEST(LengthReport, CountsExamplesTokensLabelsAndThePacksOfAnEpoch) {
  TrainData data{
      .train = {example(10), example(6), example(8, 0), example(10)}, .validation = {example(7)}, .held_out = {}};
  const LengthReport r = measure_lengths(data, resolved());
  EXPECT_EQ(r.examples, 4);
  EXPECT_EQ(r.tokens, 34);
  EXPECT_EQ(r.labelled, 8);
  EXPECT_EQ(r.longest, 10);
  EXPECT_EQ(r.openings, 1);
  EXPECT_EQ(r.left_out, 0);
  EXPECT_EQ(r.validation_tokens, 7);
  EXPECT_EQ(r.steps, 2);
  EXPECT_EQ(r.packs, 2);
  EXPECT_EQ(r.packed_tokens, 34);
  EXPECT_EQ(r.capacity, 20);
  EXPECT_EQ(r.computed_tokens, 34 - 2 * 2);  // the two common tokens, once in each pack of two
  EXPECT_DOUBLE_EQ(r.fill(), 34.0 / 40.0);
}

TEST(LengthReport, SharesNothingWithDropoutAndSaysEachFact) {
  TrainData data{
      .train = {example(10), example(6)}, .validation = {}, .held_out = {}, .left_out = {"pair 9 (99 tokens)"}};
  TrainOptions options = resolved();
  options.method = Method::Lora;
  options.lora.dropout = 0.1f;
  const LengthReport r = measure_lengths(data, options);
  EXPECT_EQ(r.computed_tokens, 16);
  const std::string said = join(length_lines(r), "\n");
  for (const char* fact : {"2 pairs of 16 tokens", "4 of them trained", "longest has 10 of at most 20", "none is cut",
                           "1 left out as too long", "1 steps, 1 packs of at most 20 tokens, 80% full"})
    EXPECT_THAT(said, testing::HasSubstr(fact));
}

TEST(LengthReport, LongPairsAreLeftOutByNameOnly) {
  TrainData data{
      .train = {example(10), example(21), example(20)}, .validation = {example(30)}, .held_out = {example(40)}};
  leave_out_long(data, 20);
  EXPECT_EQ(data.train.size(), 2u);
  EXPECT_TRUE(data.validation.empty());
  EXPECT_EQ(data.held_out.size(), 1u);
  EXPECT_THAT(data.left_out, testing::ElementsAre("pair of 21 (21 tokens)", "pair of 30 (30 tokens)"));
}

}  // namespace
}  // namespace faqsmith
