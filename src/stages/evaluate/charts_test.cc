// Charts: round ticks, finite coordinates for odd data, the same bytes for the same data.
#include "stages/evaluate/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace faqsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Charts, TicksAreRoundNumbers) {
  EXPECT_THAT(round_ticks(0, 10, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(round_ticks(0, 3.4, 4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(round_ticks(5, 5, 4), ElementsAre(5));
}

TEST(Charts, DrawLongAndShortCurves) {
  LossCurve curve;
  EXPECT_EQ(loss_chart(curve), "");
  curve.validation = {{1, 2.0}};
  EXPECT_THAT(loss_chart(curve), HasSubstr("best-dot"));
  for (int step = 1; step <= 10'000; ++step) curve.train.emplace_back(step, 3.0 / step);
  const std::string svg = loss_chart(curve);
  EXPECT_LT(svg.size(), 20'000u);  // averaged, not one point a step
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_EQ(svg, loss_chart(curve));
}

TEST(Charts, FunnelEscapesItsLabelsAndTakesZeros) {
  const std::string svg = funnel_chart({{"<asked>", 0}, {"kept", 0}});
  EXPECT_THAT(svg, HasSubstr("&lt;asked&gt;"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_EQ(funnel_chart({}), "");
}

}  // namespace
}  // namespace faqsmith
