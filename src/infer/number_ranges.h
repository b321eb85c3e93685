// Decimal numbers within bounds as parts of an automaton: which digits may follow, so that the number ends inside.
#pragma once
#include <cstdint>
#include <optional>

#include "infer/byte_automaton.h"

namespace faqsmith {

// Integers without leading zeros, without "-0": all of [low, high], any int64. Nothing if low > high.
void add_integers(ByteNfa& nfa, std::int64_t low, std::int64_t high, ByteNfa::State from, ByteNfa::State to);

// Numbers in the form -?(0|[1-9][0-9]*)(\.[0-9]+)? with at most 15 digits in all, so that different texts of one value
// apart no two are the same double. Bounds are in units of 10^-14 (kDecimalUnits to one).
__extension__ using Decimal = __int128;
inline constexpr int kDecimalDigits = 15;  // before and after the point together
inline constexpr int kDecimalFractionDigits = 14;
[[nodiscard]] Decimal decimal_limit();  // the largest that the form can write, rounded up: 10^15
// The value of a double's shortest decimal text, rounded up or down to a unit; beyond ±decimal_limit() it is that.
enum class Rounding { Up, Down };
[[nodiscard]] Decimal decimal_of(double value, Rounding rounding);
// All such numbers of [low, high], without "-0" and "-0.0".
void add_decimals(ByteNfa& nfa, Decimal low, Decimal high, ByteNfa::State from, ByteNfa::State to);

// The integer at or above (Up), or at or below (Down); nullopt beyond int64.
[[nodiscard]] std::optional<std::int64_t> integer_of(double value, Rounding rounding);

}  // namespace faqsmith
