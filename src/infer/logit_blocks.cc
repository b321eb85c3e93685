// Loops over 16 lanes that the compiler turns into vector instructions, one version for each instruction set.
#include "infer/logit_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#if defined(__x86_64__) && !defined(FAQSMITH_SANITIZED)
#define FAQSMITH_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FAQSMITH_CLONES
#endif

namespace faqsmith {
namespace {

constexpr int kLanes = 16;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

FAQSMITH_CLONES
float maximum_of(const float* x, std::int64_t n) {
  std::array<float, kLanes> lane;
  lane.fill(kMinusInfinity);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
  }
  for (; i < n; ++i) lane[0] = x[i] > lane[0] ? x[i] : lane[0];
  return *std::max_element(lane.begin(), lane.end());
}

// e^x for x <= 0 to about 2e-7 relative: 2^round(x / ln 2) times a polynomial on [-ln 2 / 2, ln 2 / 2]. Below -87 it is
// about e^-87, which no float sum notices beside the e^0 of the maximum.
inline float fast_exp(float x) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  x = x > -87.0f ? x : -87.0f;
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<std::int32_t>(p) + (std::bit_cast<std::int32_t>(shifted) << 23));
}

// Over the x at or above cut.
FAQSMITH_CLONES
float sum_of_exp(const float* x, std::int64_t n, float maximum, float inverse_temperature, float cut) {
  std::array<float, kLanes> lane{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float e = fast_exp((x[i + l] - maximum) * inverse_temperature);
      lane[l] += x[i + l] >= cut ? e : 0.0f;
    }
  }
  for (; i < n; ++i) lane[0] += x[i] >= cut ? fast_exp((x[i] - maximum) * inverse_temperature) : 0.0f;
  float sum = 0;
  for (float part : lane) sum += part;
  return sum;
}

bool comes_first(const LogitBlocks::Candidate& a, const LogitBlocks::Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

}  // namespace

void LogitBlocks::reset(std::span<float> logits) {
  logits_ = logits;
  const auto n = static_cast<std::int64_t>(logits.size());
  maxima_.resize(static_cast<std::size_t>((n + kBlock - 1) / kBlock));
  for (std::int64_t b = 0; b < n_blocks(); ++b) {
    const auto part = block(b);
    maxima_[static_cast<std::size_t>(b)] = maximum_of(part.data(), static_cast<std::int64_t>(part.size()));
  }
}

std::span<const float> LogitBlocks::block(std::int64_t b) const {
  const auto begin = static_cast<std::size_t>(b * kBlock);
  return logits_.subspan(begin, std::min(static_cast<std::size_t>(kBlock), logits_.size() - begin));
}

void LogitBlocks::exclude(std::int32_t id) {
  logits_[static_cast<std::size_t>(id)] = kMinusInfinity;
  const auto part = block(id / kBlock);
  maxima_[static_cast<std::size_t>(id / kBlock)] = maximum_of(part.data(), static_cast<std::int64_t>(part.size()));
}

float LogitBlocks::maximum() const {
  return maximum_of(maxima_.data(), n_blocks());
}

LogitBlocks::Candidate LogitBlocks::best() const {
  const float top = maximum();
  if (top == kMinusInfinity) return {.id = -1, .logit = top};
  const auto b = std::find(maxima_.begin(), maxima_.end(), top) - maxima_.begin();
  const auto part = block(b);
  const auto i = std::find(part.begin(), part.end(), top) - part.begin();
  return {.id = static_cast<std::int32_t>(b * kBlock + i), .logit = top};
}

std::vector<LogitBlocks::Candidate> LogitBlocks::top(std::size_t k) const {
  float bound = kMinusInfinity;
  if (k < maxima_.size()) {
    // k blocks hold a value of at least the k-th largest maximum, so nothing below it is among the k largest.
    std::vector<float> sorted = maxima_;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(k), sorted.end(), std::greater<>());
    bound = *std::min_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(k));
  }
  std::vector<Candidate> found;
  for (std::int64_t b = 0; b < n_blocks(); ++b) {
    if (maxima_[static_cast<std::size_t>(b)] < bound) continue;
    const auto part = block(b);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] < bound || part[i] == kMinusInfinity) continue;
      found.push_back({.id = static_cast<std::int32_t>(b * kBlock + static_cast<std::int64_t>(i)), .logit = part[i]});
    }
  }
  const auto kept = static_cast<std::ptrdiff_t>(std::min(k, found.size()));
  std::partial_sort(found.begin(), found.begin() + kept, found.end(), comes_first);
  found.resize(static_cast<std::size_t>(kept));
  return found;
}

double LogitBlocks::block_sum(std::int64_t b, float inverse_temperature, float top, float cut) const {
  // An excluded token is below any cut that is a number.
  const float above = std::max(cut, std::numeric_limits<float>::lowest());
  if (maxima_[static_cast<std::size_t>(b)] < above) return 0;
  const auto part = block(b);
  return static_cast<double>(
      sum_of_exp(part.data(), static_cast<std::int64_t>(part.size()), top, inverse_temperature, above));
}

double LogitBlocks::sum_above(float inverse_temperature, float top, float cut) const {
  double sum = 0;
  for (std::int64_t b = 0; b < n_blocks(); ++b) sum += block_sum(b, inverse_temperature, top, cut);
  return sum;
}

double LogitBlocks::log_sum_exp(double temperature) const {
  const float top = maximum();
  return static_cast<double>(top) / temperature +
         std::log(sum_above(static_cast<float>(1.0 / temperature), top, kMinusInfinity));
}

float LogitBlocks::cut_of_top_k(std::size_t k) const {
  const auto best = top(k);
  return best.empty() ? kMinusInfinity : best.back().logit;
}

float LogitBlocks::cut_of_top_p(double p, double temperature, float cut) const {
  const float top_logit = maximum();
  const auto inverse = static_cast<float>(1.0 / temperature);
  const double wanted = p * sum_above(inverse, top_logit, cut);
  const auto weight = [&](float x) { return static_cast<double>(fast_exp((x - top_logit) * inverse)); };
  // Mostly a few tokens are enough.
  constexpr std::size_t kFew = 64;
  double mass = 0;
  for (const auto& c : top(kFew)) {
    mass += weight(c.logit);
    if (mass >= wanted) return std::max(cut, c.logit);
  }
  // The tokens at or above `high` do not reach it, those at or above `low` do.
  float high = top_logit, low = std::max(cut, top_logit - 87.0f / inverse);
  for (int i = 0; i < 12; ++i) {
    const float middle = low + (high - low) / 2;
    (sum_above(inverse, top_logit, middle) >= wanted ? low : high) = middle;
  }
  std::vector<float> between;
  for (std::int64_t b = 0; b < n_blocks(); ++b) {
    if (maxima_[static_cast<std::size_t>(b)] < low) continue;
    for (float x : block(b)) {
      if (x >= low && x < high) between.push_back(x);
    }
  }
  std::sort(between.begin(), between.end(), std::greater<>());
  mass = sum_above(inverse, top_logit, high);
  for (float x : between) {
    mass += weight(x);
    if (mass >= wanted) return x;
  }
  return low;  // rounding: all of them are needed
}

float LogitBlocks::cut_of_min_p(double p, double temperature) const {
  // The largest logit itself always stays, whatever p rounds to.
  const float top = maximum();
  return std::min(top, static_cast<float>(static_cast<double>(top) + temperature * std::log(p)));
}

void LogitBlocks::prepare_draw(double temperature, float cut) {
  draw_maximum_ = maximum();
  inverse_temperature_ = static_cast<float>(1.0 / temperature);
  cut_ = std::max(cut, std::numeric_limits<float>::lowest());
  sums_.resize(maxima_.size());
  for (std::int64_t b = 0; b < n_blocks(); ++b) {
    sums_[static_cast<std::size_t>(b)] = block_sum(b, inverse_temperature_, draw_maximum_, cut_);
  }
}

std::int32_t LogitBlocks::draw(Rng& rng) const {
  double total = 0;
  for (double sum : sums_) total += sum;
  double left = rng.uniform() * total;
  std::int64_t chosen = -1;  // rounding may carry `left` past the end: the last block with a token takes it
  for (std::int64_t b = 0; b < n_blocks(); ++b) {
    if (maxima_[static_cast<std::size_t>(b)] < cut_) continue;
    chosen = b;
    if (left < sums_[static_cast<std::size_t>(b)]) break;
    left -= sums_[static_cast<std::size_t>(b)];
  }
  if (chosen < 0) return -1;
  const auto part = block(chosen);
  std::int32_t last = -1;
  for (std::size_t i = 0; i < part.size() && (left >= 0 || last < 0); ++i) {
    if (part[i] < cut_) continue;
    last = static_cast<std::int32_t>(chosen * kBlock + static_cast<std::int64_t>(i));
    left -= static_cast<double>(fast_exp((part[i] - draw_maximum_) * inverse_temperature_));
  }
  return last;
}

void LogitBlocks::exclude_from_draw(std::int32_t id) {
  exclude(id);
  sums_[static_cast<std::size_t>(id / kBlock)] = block_sum(id / kBlock, inverse_temperature_, draw_maximum_, cut_);
}

}  // namespace faqsmith
