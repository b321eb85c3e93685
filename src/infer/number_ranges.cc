// Digit by digit with two marks: the digits so far are the low bound's own, the high bound's own.
#include "infer/number_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace faqsmith {
namespace {

using State = ByteNfa::State;

Decimal power_of_ten(int n) {
  Decimal out = 1;
  for (int i = 0; i < n; ++i) out *= 10;
  return out;
}

std::string digits_of(Decimal value, int width) {
  std::string out(static_cast<std::size_t>(width), '0');
  for (auto at = out.rbegin(); at != out.rend(); ++at, value /= 10)
    *at = static_cast<char>('0' + static_cast<int>(value % 10));
  return out;
}

// Digit strings of one width between two others; after `n_whole` digits a point may stand. A text may end after
// n_whole digits (what is not written is zero) or after any digit behind the point, up to `n_written` digits.
struct DigitStrings {
  ByteNfa& nfa;
  std::string low, high;  // of equal width, at least n_written
  std::size_t n_whole, n_written;
  State to;

  [[nodiscard]] bool zeros_from(std::size_t at) const { return low.find_first_not_of('0', at) == std::string::npos; }

  void add(State from) {
    // states[at][low mark][high mark], made when they are first reached
    std::vector<std::array<State, 4>> states(n_written + 1, {-1, -1, -1, -1});
    states[0][3] = from;
    for (std::size_t at = 0; at <= n_written; ++at) {
      for (std::size_t mark = 0; mark < 4; ++mark) {
        State state = states[at][mark];
        if (state < 0) continue;
        const bool on_low = (mark & 1) != 0, on_high = (mark & 2) != 0;
        if (at >= n_whole && (!on_low || zeros_from(at))) nfa.add_empty(state, to);
        if (at == n_written) continue;
        if (at == n_whole) {
          const State point = nfa.add_state();
          nfa.add_edge(state, '.', '.', point);
          state = point;
        }
        const char first = on_low ? low[at] : '0', last = on_high ? high[at] : '9';
        for (char digit = first; digit <= last; ++digit) {
          const std::size_t next = (on_low && digit == first ? 1u : 0u) | (on_high && digit == last ? 2u : 0u);
          State& target = states[at + 1][next];
          if (target < 0) target = nfa.add_state();
          nfa.add_edge(state, static_cast<std::uint8_t>(digit), static_cast<std::uint8_t>(digit), target);
        }
      }
    }
  }
};

// Magnitudes of [low, high], low >= 0, by the number of digits before the point.
void add_magnitudes(ByteNfa& nfa, Decimal low, Decimal high, int most_whole, int fraction, int most_written, State from,
                    State to) {
  const Decimal one = power_of_ten(fraction);
  for (int n_whole = 1; n_whole <= most_whole; ++n_whole) {
    const Decimal first = std::max(low, n_whole == 1 ? Decimal{0} : power_of_ten(n_whole - 1) * one);
    const Decimal last = std::min(high, power_of_ten(n_whole) * one - 1);
    if (first > last) continue;
    const State begin = nfa.add_state();
    nfa.add_empty(from, begin);
    DigitStrings{.nfa = nfa,
                 .low = digits_of(first, n_whole + fraction),
                 .high = digits_of(last, n_whole + fraction),
                 .n_whole = static_cast<std::size_t>(n_whole),
                 .n_written = static_cast<std::size_t>(std::min(n_whole + fraction, most_written)),
                 .to = to}
        .add(begin);
  }
}

void add_signed(ByteNfa& nfa, Decimal low, Decimal high, int most_whole, int fraction, int most_written, State from,
                State to) {
  if (low < 0) {
    const State minus = nfa.add_state();
    nfa.add_edge(from, '-', '-', minus);
    add_magnitudes(nfa, std::max(-high, Decimal{1}), -low, most_whole, fraction, most_written, minus, to);
  }
  add_magnitudes(nfa, std::max(low, Decimal{0}), high, most_whole, fraction, most_written, from, to);
}

}  // namespace

void add_integers(ByteNfa& nfa, std::int64_t low, std::int64_t high, State from, State to) {
  constexpr int kInt64Digits = 19;
  add_signed(nfa, low, high, kInt64Digits, 0, kInt64Digits, from, to);
}

Decimal decimal_limit() {
  return power_of_ten(kDecimalDigits + kDecimalFractionDigits);
}

Decimal decimal_of(double value, Rounding rounding) {
  if (std::abs(value) >= 1e15) return value > 0 ? decimal_limit() : -decimal_limit();
  // The shortest text that is this double, in exponent form: d.ddde±xx.
  std::string shortest;
  for (int precision = 0; precision <= 17; ++precision) {
    shortest = fmt::format("{:.{}e}", std::abs(value), precision);
    if (std::stod(shortest) == std::abs(value)) break;
  }
  const auto e = shortest.find('e');
  int exponent = std::stoi(shortest.substr(e + 1)) + kDecimalFractionDigits;
  Decimal units = 0;
  bool exact = true;
  for (const char c : shortest.substr(0, e)) {
    if (c == '.') continue;
    // Digit i stands for c * 10^(exponent - i) units.
    if (exponent >= 0) {
      units += (c - '0') * power_of_ten(exponent);
    } else if (c != '0') {
      exact = false;
    }
    --exponent;
  }
  if (value < 0) units = -units;
  if (exact) return units;
  // Digits that were dropped moved the value towards zero.
  if (value > 0) return rounding == Rounding::Up ? units + 1 : units;
  return rounding == Rounding::Down ? units - 1 : units;
}

void add_decimals(ByteNfa& nfa, Decimal low, Decimal high, State from, State to) {
  add_signed(nfa, low, high, kDecimalDigits, kDecimalFractionDigits, kDecimalDigits, from, to);
}

std::optional<std::int64_t> integer_of(double value, Rounding rounding) {
  const double whole = rounding == Rounding::Up ? std::ceil(value) : std::floor(value);
  if (!(whole >= -0x1p63 && whole < 0x1p63)) return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

}  // namespace faqsmith
