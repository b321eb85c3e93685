// ROUGE-L, equal to PyPI's rouge-score with its default tokenisation (lower case, runs of [a-z0-9]) and no stemmer.
// Memory is linear in the texts; time is at most (words × words) / 64. Source: Lin 2004, section 3.1.
// Non-goal: languages without Latin letters score 0 here, as in the reference; text/token_f1.h knows them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace faqsmith {

struct Rouge {
  double precision = 0, recall = 0, f1 = 0;  // each 0 to 1
};

[[nodiscard]] std::vector<std::string> rouge_words(std::string_view text);
[[nodiscard]] Rouge rouge_l(std::string_view reference, std::string_view candidate);

// Many texts compared with each other: words become numbers once.
class RougePool {
 public:
  std::size_t add(std::string_view text);  // its index
  [[nodiscard]] std::size_t size() const { return texts_.size(); }
  [[nodiscard]] double f1(std::size_t a, std::size_t b) const;  // symmetric
  // The best match of text `a` among [0, a): {index, f1}; size() and 0 if there is none. Texts whose lengths alone rule
  // out a better score than the best so far are skipped.
  struct Match {
    std::size_t index = 0;
    double f1 = 0;
  };
  [[nodiscard]] Match nearest_before(std::size_t a) const;

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::vector<std::uint32_t>> texts_;
};

// Length of the longest common subsequence.
[[nodiscard]] std::size_t lcs_length(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b);

}  // namespace faqsmith
