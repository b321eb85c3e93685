// Byte-pair merges over token ids: repeatedly joins the adjacent pair of lowest rank, leftmost first. Immutable after
// construction, so threads may share it. Source: Sennrich et al. 2016.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace faqsmith {

struct Merge {
  std::int32_t left = 0, right = 0, joined = 0;
};

struct RankedMerge {
  Merge merge;
  std::int32_t rank = 0;  // lower goes first; merges of one rank go by place alone
};

class Bpe {
 public:
  Bpe() = default;
  // merges in rank order; a pair that occurs twice is the caller's error (see find()).
  explicit Bpe(const std::vector<Merge>& merges);
  explicit Bpe(const std::vector<RankedMerge>& merges);
  // Joins symbols in place. O(n log n) for any input.
  void merge(std::vector<std::int32_t>& symbols) const;

 private:
  struct Slot {
    std::uint64_t pair = kEmpty;  // left << 32 | right
    std::int32_t rank = 0, joined = 0;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  void reserve(std::size_t n_merges);
  void add(const Merge& merge, std::int32_t rank);
  [[nodiscard]] const Slot* find(std::int32_t left, std::int32_t right) const;
  void merge_short(std::vector<std::int32_t>& symbols) const;
  void merge_long(std::vector<std::int32_t>& symbols) const;

  std::vector<Slot> slots_;  // open addressing, at most half full
  std::uint64_t mask_ = 0;
};

}  // namespace faqsmith
