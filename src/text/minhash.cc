// Signatures by multiply-and-shift hashing of 64-bit shingle hashes; see minhash.h.
#include "text/minhash.h"

#include <algorithm>
#include <limits>

#include "base/hash.h"
#include "base/rng.h"
#include "text/unicode.h"

namespace faqsmith {

std::vector<std::uint64_t> shingles(std::string_view text, int shingle_words) {
  const std::string folded = fold_case(text);
  std::vector<std::uint64_t> word_hashes;
  for (const std::string_view word : words(folded)) word_hashes.push_back(hash64(word));
  if (word_hashes.empty()) return {};
  const std::size_t n = std::min<std::size_t>(std::max(shingle_words, 1), word_hashes.size());
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i + n <= word_hashes.size(); ++i) {
    const auto* bytes = reinterpret_cast<const char*>(&word_hashes[i]);
    out.push_back(hash64({bytes, n * sizeof(std::uint64_t)}));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double jaccard(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::size_t common = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++common;
      ++i;
      ++j;
    } else if (a[i] < b[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  const std::size_t all = a.size() + b.size() - common;
  return all == 0 ? 1.0 : static_cast<double>(common) / static_cast<double>(all);
}

MinHash::MinHash(const MinHashOptions& options) {
  Rng rng(options.seed);
  const int n = options.n_bands * options.rows_per_band;
  for (int i = 0; i < n; ++i) {
    multipliers_.push_back(rng.next() | 1);  // odd: a bijection of 64-bit numbers
    offsets_.push_back(rng.next());
  }
}

std::vector<std::uint64_t> MinHash::signature(const std::vector<std::uint64_t>& shingle_hashes) const {
  std::vector<std::uint64_t> out(multipliers_.size(), std::numeric_limits<std::uint64_t>::max());
  for (const std::uint64_t shingle : shingle_hashes) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::uint64_t h = shingle * multipliers_[i] + offsets_[i];
      h ^= h >> 32;  // the product's high bits depend on all of the shingle, its low bits do not
      h *= multipliers_[i];
      out[i] = std::min(out[i], h);
    }
  }
  return out;
}

double MinHash::similarity(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) equal += a[i] == b[i] ? 1 : 0;
  return a.empty() ? 0.0 : static_cast<double>(equal) / static_cast<double>(a.size());
}

BandIndex::BandIndex(const MinHashOptions& options)
    : n_bands_(options.n_bands), rows_(options.rows_per_band), bands_(static_cast<std::size_t>(options.n_bands)) {}

std::uint64_t BandIndex::band_hash(const std::vector<std::uint64_t>& signature, int band) const {
  const auto* bytes =
      reinterpret_cast<const char*>(&signature[static_cast<std::size_t>(band) * static_cast<std::size_t>(rows_)]);
  return hash64({bytes, static_cast<std::size_t>(rows_) * sizeof(std::uint64_t)});
}

void BandIndex::add(std::size_t id, const std::vector<std::uint64_t>& signature) {
  for (int band = 0; band < n_bands_; ++band) bands_[band][band_hash(signature, band)].push_back(id);
}

std::vector<std::size_t> BandIndex::candidates(const std::vector<std::uint64_t>& signature) const {
  std::vector<std::size_t> out;
  for (int band = 0; band < n_bands_; ++band) {
    const auto found = bands_[band].find(band_hash(signature, band));
    if (found != bands_[band].end()) out.insert(out.end(), found->second.begin(), found->second.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<std::size_t> near_duplicate_leaders(const std::vector<std::string>& texts, double threshold,
                                                const MinHashOptions& options) {
  const MinHash minhash(options);
  BandIndex index(options);
  std::vector<std::vector<std::uint64_t>> sets(texts.size());  // kept for leaders only
  std::vector<std::size_t> leaders(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<std::uint64_t> set = shingles(texts[i], options.shingle_words);
    const std::vector<std::uint64_t> signature = minhash.signature(set);
    leaders[i] = i;
    for (const std::size_t leader : index.candidates(signature)) {
      if (jaccard(sets[leader], set) < threshold) continue;
      leaders[i] = leader;
      break;
    }
    if (leaders[i] != i) continue;
    index.add(i, signature);
    sets[i] = std::move(set);
  }
  return leaders;
}

}  // namespace faqsmith
