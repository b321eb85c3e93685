// Speed and remaining time are those of this run: work that was done before says nothing about them.
#include "cli/reporters.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace faqsmith {
namespace {

TEST(Bar, TellsSpeedAndRemainingTime) {
  const BarState bar{.what = "train", .unit = "steps", .detail = "", .done = 10, .total = 40, .elapsed_s = 20};
  EXPECT_DOUBLE_EQ(remaining_s(bar), 60);
  EXPECT_NE(draw_bar(bar, 200).find("25% 10/40, 1m 00s left, 2.0 s/step"), std::string::npos) << draw_bar(bar, 200);
}

TEST(Bar, LeavesOutWhatWasDoneBefore) {
  const BarState bar{.what = "train",
                     .unit = "steps",
                     .detail = "",
                     .done = 123,
                     .total = 207,
                     .elapsed_s = 15,
                     .first_done = 121,
                     .first_s = 5};
  EXPECT_DOUBLE_EQ(remaining_s(bar), 420);
  EXPECT_NE(draw_bar(bar, 200).find("7m 00s left, 5.0 s/step"), std::string::npos) << draw_bar(bar, 200);
}

TEST(Bar, SaysNothingBeforeItKnows) {
  const BarState bar{.what = "train",
                     .unit = "steps",
                     .detail = "",
                     .done = 121,
                     .total = 207,
                     .elapsed_s = 5,
                     .first_done = 121,
                     .first_s = 5};
  EXPECT_LT(remaining_s(bar), 0);
  EXPECT_EQ(draw_bar(bar, 200).find("left"), std::string::npos);
}

TEST(Reporter, CountsFromTheFirstReport) {
  testing::internal::CaptureStderr();
  {
    const auto reporter = terminal_reporter(Loudness::Normal, false);
    reporter->begin("train", 200, "steps");
    reporter->update(100, "");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    reporter->update(101, "");
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_NE(shown.find(" s/step"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("steps/s"), std::string::npos) << shown;
}

TEST(Reporter, GoesOnCountingWhenTheSameWorkIsPlannedAnew) {
  testing::internal::CaptureStderr();
  {
    const auto reporter = line_reporter(Loudness::Normal);
    reporter->begin("train", 200, "steps");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    reporter->begin("train", 100, "steps");
    reporter->update(100, "");
    reporter->end("100 steps");
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_NE(shown.find("train (100 steps) …"), std::string::npos) << shown;
  EXPECT_NE(shown.find("train: 100 steps (1s)"), std::string::npos) << shown;
}

}  // namespace
}  // namespace faqsmith
