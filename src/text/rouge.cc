// The longest common subsequence by bit vectors (Hyyrö 2004): V has a zero for each matched position of a; a word of b
// only touches the 64-bit blocks where it occurs, and those that its carry runs through.
#include "text/rouge.h"

#include <algorithm>
#include <bit>

#include "text/utf8.h"

namespace faqsmith {
namespace {

struct Occurrence {
  std::uint32_t word = 0;
  std::uint32_t block = 0;
  std::uint64_t bits = 0;  // its positions in the block
};

// Sorted by word, then block.
std::vector<Occurrence> occurrences(const std::vector<std::uint32_t>& a) {
  std::vector<std::uint32_t> order(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t i, std::uint32_t j) { return a[i] < a[j]; });
  std::vector<Occurrence> out;
  out.reserve(a.size());
  for (const std::uint32_t i : order) {
    const std::uint64_t bit = std::uint64_t{1} << (i % 64);
    if (!out.empty() && out.back().word == a[i] && out.back().block == i / 64) {
      out.back().bits |= bit;
    } else {
      out.push_back({a[i], i / 64, bit});
    }
  }
  return out;
}

Rouge score(std::size_t lcs, std::size_t n_reference, std::size_t n_candidate) {
  if (n_reference == 0 || n_candidate == 0) return {};
  Rouge out;
  out.precision = static_cast<double>(lcs) / static_cast<double>(n_candidate);
  out.recall = static_cast<double>(lcs) / static_cast<double>(n_reference);
  const double sum = out.precision + out.recall;
  if (sum > 0) out.f1 = 2 * out.precision * out.recall / sum;
  return out;
}

}  // namespace

std::size_t lcs_length(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  if (a.size() < b.size()) return lcs_length(b, a);
  const std::vector<Occurrence> found = occurrences(a);
  std::vector<std::uint64_t> v((a.size() + 63) / 64, ~std::uint64_t{0});
  for (const std::uint32_t word : b) {
    auto at = std::lower_bound(found.begin(), found.end(), word,
                               [](const Occurrence& o, std::uint32_t w) { return o.word < w; });
    std::uint64_t carry = 0;
    for (std::size_t block = 0; (at != found.end() && at->word == word) || carry != 0; ++block) {
      const bool occurs = at != found.end() && at->word == word;
      if (carry == 0) block = at->block;
      if (block >= v.size()) break;
      const std::uint64_t bits = occurs && at->block == block ? at->bits : 0;
      if (occurs && at->block == block) ++at;
      const std::uint64_t before = v[block], matched = before & bits;
      const std::uint64_t partial = before + matched;
      const std::uint64_t sum = partial + carry;
      carry = static_cast<std::uint64_t>(partial < before) | static_cast<std::uint64_t>(sum < partial);
      v[block] = sum | (before & ~bits);
    }
  }
  std::size_t length = 0;
  for (std::size_t block = 0; block < v.size(); ++block) {
    const std::size_t n = std::min<std::size_t>(64, a.size() - block * 64);
    const std::uint64_t mask = n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    length += static_cast<std::size_t>(std::popcount(~v[block] & mask));
  }
  return length;
}

std::vector<std::string> rouge_words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) out.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    at += c.n_bytes;
    const char32_t lower = c.value >= 'A' && c.value <= 'Z' ? c.value + 32 : c.value;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')) {
      word.push_back(static_cast<char>(lower));
    } else if (c.value == 0x212A) {  // the Kelvin sign is lower-cased to k
      word.push_back('k');
    } else if (c.value == 0x0130) {  // İ is lower-cased to i and a combining dot, which ends the word
      word.push_back('i');
      end_word();
    } else {
      end_word();
    }
  }
  end_word();
  return out;
}

Rouge rouge_l(std::string_view reference, std::string_view candidate) {
  std::unordered_map<std::string, std::uint32_t> numbers;
  const auto number = [&](std::string_view text) {
    std::vector<std::uint32_t> out;
    for (std::string& word : rouge_words(text))
      out.push_back(numbers.emplace(std::move(word), static_cast<std::uint32_t>(numbers.size())).first->second);
    return out;
  };
  const std::vector<std::uint32_t> a = number(reference), b = number(candidate);
  return score(lcs_length(a, b), a.size(), b.size());
}

std::size_t RougePool::add(std::string_view text) {
  std::vector<std::uint32_t> out;
  for (std::string& word : rouge_words(text))
    out.push_back(numbers_.emplace(std::move(word), static_cast<std::uint32_t>(numbers_.size())).first->second);
  texts_.push_back(std::move(out));
  return texts_.size() - 1;
}

double RougePool::f1(std::size_t a, std::size_t b) const {
  const auto &left = texts_.at(a), &right = texts_.at(b);
  return score(lcs_length(left, right), left.size(), right.size()).f1;
}

RougePool::Match RougePool::nearest_before(std::size_t a) const {
  Match best{texts_.size(), 0};
  const std::size_t n = texts_.at(a).size();
  for (std::size_t i = 0; i < a; ++i) {
    const std::size_t shorter = std::min(n, texts_[i].size());
    if (score(shorter, n, texts_[i].size()).f1 <= best.f1) continue;
    if (const double found = f1(a, i); found > best.f1) best = {i, found};
  }
  return best;
}

}  // namespace faqsmith
