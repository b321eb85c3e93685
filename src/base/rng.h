// Seeded random numbers that are the same on every machine (xoshiro256**, Blackman and Vigna 2018, seeded by
// SplitMix64). Passed in, never global. The state can be saved for bit-exact resume.
#pragma once
#include <array>
#include <cstdint>

namespace faqsmith {

class Rng {
 public:
  using State = std::array<std::uint64_t, 4>;
  explicit Rng(std::uint64_t seed);

  [[nodiscard]] std::uint64_t next();                  // uniform over 64 bits
  [[nodiscard]] double uniform();                      // [0, 1), 53 random bits
  [[nodiscard]] std::uint64_t below(std::uint64_t n);  // [0, n), unbiased; n > 0
  [[nodiscard]] double normal();                       // mean 0, variance 1 (Box-Muller, no state kept)
  [[nodiscard]] const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

  // Fisher-Yates, the same order on every platform (std::shuffle's is unspecified).
  template <class Container>
  void shuffle(Container& items) {
    for (std::uint64_t i = items.size(); i > 1; --i) {
      const std::uint64_t j = below(i);
      using std::swap;
      swap(items[i - 1], items[j]);
    }
  }

 private:
  State state_;
};

// One seed from several parts, e.g. mix_seed(run_seed, section_id): streams that do not overlap in practice.
[[nodiscard]] std::uint64_t mix_seed(std::uint64_t a, std::uint64_t b);

}  // namespace faqsmith
