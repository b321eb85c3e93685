// Every number of a range and no other, against plain comparison.
#include "infer/number_ranges.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace faqsmith {
namespace {

constexpr auto kMin = std::numeric_limits<std::int64_t>::min(), kMax = std::numeric_limits<std::int64_t>::max();

template <class Add>
ByteAutomaton automaton_of(Add add) {
  AutomatonBudget budget;
  ByteNfa nfa(budget);
  const auto from = nfa.add_state(), to = nfa.add_state();
  add(nfa, from, to);
  return ByteAutomaton(nfa, from, to, budget);
}

ByteAutomaton integers(std::int64_t low, std::int64_t high) {
  return automaton_of([&](ByteNfa& nfa, auto from, auto to) { add_integers(nfa, low, high, from, to); });
}

bool accepts(const ByteAutomaton& automaton, const std::string& text) {
  if (automaton.empty()) return false;
  auto state = automaton.start();
  for (const char c : text) {
    state = automaton.step(state, static_cast<std::uint8_t>(c));
    if (state == ByteAutomaton::kDead) return false;
  }
  return automaton.accepts(state);
}

TEST(NumberRanges, IntegersOfSmallRangesAreExact) {
  for (const auto& [low, high] : {std::pair{-12, 3}, {0, 0}, {-1, -1}, {7, 1005}, {-1005, -98}, {99, 100}, {1, 0}}) {
    const ByteAutomaton automaton = integers(low, high);
    EXPECT_EQ(automaton.empty(), low > high);
    for (int i = -1200; i <= 1200; ++i)
      EXPECT_EQ(accepts(automaton, std::to_string(i)), i >= low && i <= high) << low << " " << high << " " << i;
    for (const char* no : {"", "-", "-0", "00", "01", "+1", "1.", "1.0", "1e1", " 1"})
      EXPECT_FALSE(accepts(automaton, no)) << no;
  }
}

TEST(NumberRanges, IntegersAreExactOverAllOfInt64) {
  Rng rng(2);
  const auto any = [&]() -> std::int64_t {  // of every length
    const auto bits = static_cast<std::int64_t>(rng.next() >> rng.below(64));
    return rng.below(2) == 0 ? bits : -bits;
  };
  for (int run = 0; run < 300; ++run) {
    std::int64_t low = run < 10 ? kMin : any(), high = run % 10 == 0 ? kMax : any();
    if (low > high) std::swap(low, high);
    const ByteAutomaton automaton = integers(low, high);
    for (int i = 0; i < 60; ++i) {
      std::int64_t value = any();
      if (i % 6 == 1) value = low;
      if (i % 6 == 2) value = high;
      if (i % 6 == 3) value = low == kMin ? low : low - 1;
      if (i % 6 == 4) value = high == kMax ? high : high + 1;
      EXPECT_EQ(accepts(automaton, std::to_string(value)), value >= low && value <= high)
          << low << " " << high << " " << value;
    }
  }
  EXPECT_TRUE(accepts(integers(kMin, kMax), "-9223372036854775808"));
  EXPECT_FALSE(accepts(integers(kMin, kMax), "-9223372036854775809"));
  EXPECT_TRUE(accepts(integers(kMin, kMax), "9223372036854775807"));
  EXPECT_FALSE(accepts(integers(kMin, kMax), "9223372036854775808"));
}

TEST(NumberRanges, DecimalsAreThoseThatCompareAsDoubles) {
  Rng rng(4);
  const auto any = [&] {
    const double scale = std::pow(10.0, static_cast<double>(rng.below(12)) - 5);
    const double value = scale * static_cast<double>(static_cast<std::int64_t>(rng.below(200001)) - 100000) / 1000;
    return rng.below(3) == 0 ? std::round(value) : value;
  };
  for (int run = 0; run < 300; ++run) {
    double low = any(), high = any();
    if (low > high) std::swap(low, high);
    const ByteAutomaton automaton = automaton_of([&](ByteNfa& nfa, auto from, auto to) {
      add_decimals(nfa, decimal_of(low, Rounding::Up), decimal_of(high, Rounding::Down), from, to);
    });
    for (int i = 0; i < 60; ++i) {
      double value = i % 3 == 0 ? any() : low + (high - low) * rng.uniform() * 1.2;
      if (i % 5 == 1) value = low;
      if (i % 5 == 2) value = high;
      const std::string text = fmt::format("{:.{}f}", value, rng.below(8));
      std::size_t digits = 0;
      for (const char c : text) digits += c >= '0' && c <= '9' ? 1u : 0u;
      const double parsed = std::stod(text);
      const bool zero_with_sign = parsed == 0 && text[0] == '-';
      EXPECT_EQ(accepts(automaton, text), parsed >= low && parsed <= high && digits <= 15 && !zero_with_sign)
          << low << " " << high << " " << text;
    }
  }
}

TEST(NumberRanges, BoundsRoundInwards) {
  EXPECT_EQ(decimal_of(0.1, Rounding::Up), decimal_of(0.1, Rounding::Down));
  EXPECT_EQ(decimal_of(1e-20, Rounding::Up), Decimal{1});
  EXPECT_EQ(decimal_of(1e-20, Rounding::Down), Decimal{0});
  EXPECT_EQ(decimal_of(-1e-20, Rounding::Up), Decimal{0});
  EXPECT_EQ(decimal_of(-1e-20, Rounding::Down), Decimal{-1});
  EXPECT_EQ(decimal_of(1e300, Rounding::Up), decimal_limit());
  EXPECT_EQ(decimal_of(-1e300, Rounding::Up), -decimal_limit());
  EXPECT_EQ(decimal_of(0.0, Rounding::Up), Decimal{0});
  EXPECT_EQ(integer_of(0.5, Rounding::Up), 1);
  EXPECT_EQ(integer_of(-0.5, Rounding::Down), -1);
  EXPECT_EQ(integer_of(-0x1p63, Rounding::Up), kMin);
  EXPECT_EQ(integer_of(0x1p63, Rounding::Down), std::nullopt);
}

}  // namespace
}  // namespace faqsmith
