// The gates before step 1, and the stream of examples.
#include "train/examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "train/data_order.h"
#include "train/options.h"

namespace faqsmith {
namespace {

constexpr TokenId kEnd = 9, kVocab = 50;

// A prompt of n tokens, an answer of two tokens and the end of turn.
Example example(const std::string& name, TokenId first, int n_prompt) {
  Example e{.name = name, .ids = {}, .trained = {}, .asked = {}, .n_answers = 1};
  for (int i = 0; i < n_prompt; ++i) {
    e.ids.push_back(first);
    e.trained.push_back(false);
  }
  for (const TokenId id : {20, 21, kEnd}) {
    e.ids.push_back(id);
    e.trained.push_back(true);
  }
  return e;
}

void expect_refused(const TrainData& data, const std::string& part_of_message, std::int64_t max_length = 100) {
  try {
    check_data(data, max_length, kEnd, kVocab);
    ADD_FAILURE() << "not refused: " << part_of_message;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_THAT(e.what(), testing::HasSubstr(part_of_message));
    EXPECT_FALSE(e.hint().empty());
  }
}

TEST(TrainGates, GoodDataPass) {
  const TrainData data{.train = {example("a", 1, 3), example("b", 2, 3)},
                       .validation = {example("c", 3, 4)},
                       .held_out = {example("d", 4, 2)}};
  EXPECT_NO_THROW(check_data(data, 100, kEnd, kVocab));
}

TEST(TrainGates, RefuseAnExampleWithoutALabel) {
  Example e = example("pair 3", 1, 3);
  e.trained.assign(e.trained.size(), false);
  expect_refused({.train = {e}, .validation = {}, .held_out = {}}, "pair 3 has no token to learn from");
}

TEST(TrainGates, RefuseAnExampleThatWouldBeCut) {
  expect_refused({.train = {example("pair 4", 1, 98)}, .validation = {}, .held_out = {}}, "pair 4 has 101 tokens");
}

TEST(TrainGates, RefuseAnAnswerWhoseEndIsNotTrained) {
  Example e = example("pair 5", 1, 3);
  e.trained.back() = false;
  expect_refused({.train = {e}, .validation = {}, .held_out = {}}, "pair 5 trains 0 end-of-turn tokens for 1 answers");
}

TEST(TrainGates, RefuseATrainRowThatIsAlsoATestRow) {
  Example same_question = example("test row 8", 1, 3);
  same_question.ids[3] = 30;  // another answer to the same question is the same leak
  expect_refused({.train = {example("pair 6", 1, 3)}, .validation = {}, .held_out = {same_question}},
                 "pair 6 is also in the test set (test row 8)");
}

TEST(TrainGates, RefuseIdsOutsideTheVocabularyAndNoData) {
  expect_refused({.train = {example("pair 7", kVocab, 3)}, .validation = {}, .held_out = {}},
                 "pair 7 has token 50 outside");
  expect_refused({}, "no training pair");
}

TEST(DataOrder, EveryEpochTakesEveryExampleOnceInAnotherOrder) {
  std::vector<Example> examples;
  for (int i = 0; i < 10; ++i) examples.push_back(example(std::to_string(i), i, 3));
  DataOrder order(examples, 42);
  std::vector<std::vector<std::string>> epochs(2);
  for (auto& epoch : epochs) {
    for (int i = 0; i < 5; ++i) {
      for (const Example* e : order.next(2, 0)) epoch.push_back(e->name);
    }
    EXPECT_EQ(std::set<std::string>(epoch.begin(), epoch.end()).size(), 10u);
  }
  EXPECT_NE(epochs[0], epochs[1]);
}

TEST(DataOrder, GoesOnFromASavedPlaceAcrossEpochs) {
  std::vector<Example> examples;
  for (int i = 0; i < 7; ++i) examples.push_back(example(std::to_string(i), i, 3 + i));
  DataOrder straight(examples, 5);
  for (int step = 0; step < 4; ++step) (void)straight.next(3, 0);
  DataOrder resumed(examples, 5);
  resumed.seek(straight.position());
  for (int step = 0; step < 6; ++step) EXPECT_EQ(straight.next(0, 20), resumed.next(0, 20));
}

TEST(DataOrder, AStepOfTokensHoldsAsManyExamplesAsFit) {
  std::vector<Example> examples;
  for (int i = 0; i < 7; ++i) examples.push_back(example(std::to_string(i), i, 7));  // 10 tokens each
  DataOrder order(examples, 5);
  EXPECT_EQ(order.next(0, 35).size(), 3u);
  EXPECT_EQ(order.next(0, 5).size(), 1u);  // never none
}

TEST(Packing, KeepsWholeExamplesWithinCapacity) {
  std::vector<Example> examples;
  for (int i = 0; i < 5; ++i) examples.push_back(example(std::to_string(i), i, 7));
  std::vector<const Example*> all;
  for (const Example& e : examples) all.push_back(&e);
  const auto packs = make_packs(all, {.capacity = 25, .share_prefix = false});
  ASSERT_EQ(packs.size(), 3u);
  EXPECT_EQ(packs[0].starts, (std::vector<std::int32_t>{0, 10, 20}));
  EXPECT_EQ(packs[0].positions[10], 0);
  // Rows 6, 7, 8 predict the two answer tokens and the end of turn.
  EXPECT_EQ(packs[0].rows, (std::vector<std::int32_t>{6, 7, 8, 16, 17, 18}));
  EXPECT_EQ(packs[0].labels, (std::vector<TokenId>{20, 21, kEnd, 20, 21, kEnd}));
}

TEST(Packing, HoldsOnceWhatAllExamplesBeginWithUpToTheFirstLabel) {
  Example a{.name = "a", .ids = {1, 2, 3, 4, 5}, .trained = {}, .asked = {}, .n_answers = 1}, b = a, c = a;
  a.trained = b.trained = c.trained = {false, false, false, true, true};
  b.ids = {1, 2, 3, 9, 5};
  c.ids = {1, 2, 8, 4, 5};
  Pack pack = make_packs({&a, &b}, {.capacity = 10})[0];
  EXPECT_EQ(pack.tokens, (std::vector<TokenId>{1, 2, 3, 4, 5, 3, 9, 5}));  // token 3's row predicts 4 and 9: not shared
  EXPECT_EQ(pack.positions, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 2, 3, 4}));
  EXPECT_EQ(pack.starts, (std::vector<std::int32_t>{2, 5, 8}));
  EXPECT_EQ(pack.rows, (std::vector<std::int32_t>{2, 3, 5, 6}));
  EXPECT_EQ(pack.labels, (std::vector<TokenId>{4, 5, 9, 5}));
  EXPECT_EQ(pack.n_sequence_tokens(), 10);
  pack = make_packs({&a, &b, &c}, {.capacity = 15})[0];
  EXPECT_EQ(pack.starts, (std::vector<std::int32_t>{2, 5, 8, 11}));
  EXPECT_EQ(make_packs({&a}, {.capacity = 10})[0].n_shared(), 0);
  EXPECT_EQ(make_packs({&a, &a}, {.capacity = 9}).size(), 2u);  // the capacity counts whole examples
  a.asked = b.asked = {false, true, true, false, false};
  pack = make_packs({&a, &b}, {.capacity = 10, .question_weight = 0.5})[0];
  EXPECT_EQ(pack.n_shared(), 0);  // the first row predicts a token of the question
}

TEST(Packing, GivesTheQuestionALittleLossAndTheAnswerAllOfIt) {
  Example e{.name = "pair", .ids = {1, 2, 3, 4, 5}, .trained = {}, .asked = {}, .n_answers = 1};
  e.trained = {false, false, false, true, true};
  e.asked = {false, true, true, false, false};
  const auto packs = make_packs({&e}, {.capacity = 10, .question_weight = 0.25});
  ASSERT_EQ(packs.size(), 1u);
  EXPECT_EQ(packs[0].labels, (std::vector<TokenId>{2, 3, 4, 5}));
  EXPECT_EQ(packs[0].weights, (std::vector<float>{0.25F, 0.25F, 1, 1}));
  EXPECT_DOUBLE_EQ(packs[0].total_weight(), 2.5);
  EXPECT_EQ(make_packs({&e}, {.capacity = 10})[0].labels, (std::vector<TokenId>{4, 5}));
}

LlamaConfig small_model() {
  return {.hidden_size = 32,
          .intermediate_size = 48,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 8,
          .vocab_size = 64,
          .max_positions = 128};
}

TEST(TrainOptions, AutoIsFullForSmallModelsAndLoraForLargeOnes) {
  LlamaConfig large = small_model();
  large.hidden_size = 2048, large.head_dim = 512, large.intermediate_size = 8192, large.n_layers = 24,
  large.vocab_size = 32000;
  EXPECT_EQ(resolve({}, small_model(), 100, 1000).method, Method::Full);
  EXPECT_DOUBLE_EQ(resolve({}, small_model(), 100, 1000).learning_rate, kFullLearningRate);
  EXPECT_EQ(resolve({}, large, 100, 1000).method, Method::Lora);
  EXPECT_DOUBLE_EQ(resolve({}, large, 100, 1000).learning_rate, kLoraLearningRate);
}

TEST(TrainOptions, EpochsBecomeSteps) {
  TrainOptions options;
  options.epochs = 2.5;
  EXPECT_EQ(resolve(options, small_model(), 100, 5000).steps, 16);  // 250 examples, 16 a step, rounded up
  options.tokens_per_step = 500;
  EXPECT_EQ(resolve(options, small_model(), 100, 5000).steps, 25);
}

TEST(TrainOptions, LearningRateWarmsUpAndFalls) {
  TrainOptions options;
  options.learning_rate = 1.0;
  options.steps = 100;
  options.warmup_ratio = 0.1;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 9), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 55), 0.5);
  EXPECT_LT(learning_rate_at(options, 99), 0.001);
  options.schedule = Schedule::Linear;
  EXPECT_NEAR(learning_rate_at(options, 99), 1.0 / 90, 1e-12);
  options.schedule = Schedule::Constant;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 99), 1.0);
}

TEST(TrainOptions, RefuseWhatCannotRun) {
  TrainOptions options;
  options.clip_norm = -1;
  EXPECT_THROW((void)resolve(options, small_model(), 100, 1000), Error);
  EXPECT_THROW((void)parse_method("fulll"), Error);
  try {
    (void)parse_schedule("cosin");
  } catch (const Error& e) {
    EXPECT_THAT(e.hint(), testing::HasSubstr("cosine"));
  }
}

}  // namespace
}  // namespace faqsmith
