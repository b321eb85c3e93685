// Near-duplicate search: word shingles, MinHash signatures, banded lookup, exact Jaccard for what the bands propose.
// Deterministic for a seed; time and memory linear in the number of texts, even if all of them are alike.
// Sources: Broder 1997 (MinHash), Leskovec et al., Mining of Massive Datasets, chapter 3 (banding).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace faqsmith {

struct MinHashOptions {
  int shingle_words = 3;
  int n_bands = 32;       // a pair of similarity s is proposed with probability 1 - (1 - s^rows)^bands
  int rows_per_band = 4;  // 32 × 4: s = 0.5 in 87% of cases, 0.7 in 99.98%
  std::uint64_t seed = 1;
};

// Hashes of the distinct shingles, sorted. Case and punctuation do not count. A text shorter than a shingle is one
// shingle.
[[nodiscard]] std::vector<std::uint64_t> shingles(std::string_view text, int shingle_words);
[[nodiscard]] double jaccard(const std::vector<std::uint64_t>& a,
                             const std::vector<std::uint64_t>& b);  // 0 to 1; two empty sets: 1

class MinHash {
 public:
  explicit MinHash(const MinHashOptions& options);
  // n_bands × rows_per_band minima; the share of equal entries estimates the Jaccard similarity.
  [[nodiscard]] std::vector<std::uint64_t> signature(const std::vector<std::uint64_t>& shingle_hashes) const;
  [[nodiscard]] static double similarity(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b);

 private:
  std::vector<std::uint64_t> multipliers_, offsets_;
};

// Signatures filed by band.
class BandIndex {
 public:
  explicit BandIndex(const MinHashOptions& options);
  void add(std::size_t id, const std::vector<std::uint64_t>& signature);
  [[nodiscard]] std::vector<std::size_t> candidates(
      const std::vector<std::uint64_t>& signature) const;  // sorted, distinct

 private:
  [[nodiscard]] std::uint64_t band_hash(const std::vector<std::uint64_t>& signature, int band) const;
  int n_bands_, rows_;
  std::vector<std::unordered_map<std::uint64_t, std::vector<std::size_t>>> bands_;
};

// For each text the index of its cluster's leader: the first text whose exact Jaccard similarity with it is at least
// threshold, else itself. Only leaders are filed, so ten thousand copies cost ten thousand comparisons.
[[nodiscard]] std::vector<std::size_t> near_duplicate_leaders(const std::vector<std::string>& texts, double threshold,
                                                              const MinHashOptions& options = {});

}  // namespace faqsmith
