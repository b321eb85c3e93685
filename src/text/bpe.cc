// Short words scan all their pairs each round (no allocation); long ones keep the candidates in a heap over a linked
// list.
#include "text/bpe.h"

#include <bit>
#include <cstddef>
#include <limits>
#include <queue>

namespace faqsmith {
namespace {

constexpr std::size_t kShortSymbols = 48;  // up to here the quadratic scan beats the heap

std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
}

std::uint64_t spread(std::uint64_t x) {
  x *= 0x9E3779B97F4A7C15ULL;
  return x ^ (x >> 29);
}

struct Candidate {
  std::int32_t rank = 0;
  std::int32_t at = 0;  // index of the left symbol
  std::int32_t left = 0, right = 0, joined = 0;
};

struct Later {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

}  // namespace

Bpe::Bpe(const std::vector<Merge>& merges) {
  reserve(merges.size());
  std::int32_t rank = 0;
  for (const Merge& merge : merges) add(merge, rank++);
}

Bpe::Bpe(const std::vector<RankedMerge>& merges) {
  reserve(merges.size());
  for (const RankedMerge& ranked : merges) add(ranked.merge, ranked.rank);
}

void Bpe::reserve(std::size_t n_merges) {
  slots_.resize(std::bit_ceil(2 * n_merges + 2));
  mask_ = slots_.size() - 1;
}

void Bpe::add(const Merge& merge, std::int32_t rank) {
  const std::uint64_t pair = pair_of(merge.left, merge.right);
  std::uint64_t i = spread(pair) & mask_;
  while (slots_[i].pair != kEmpty && slots_[i].pair != pair) i = (i + 1) & mask_;
  if (slots_[i].pair == kEmpty) slots_[i] = {pair, rank, merge.joined};
}

const Bpe::Slot* Bpe::find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = pair_of(left, right);
  for (std::uint64_t i = spread(pair) & mask_;; i = (i + 1) & mask_) {
    if (slots_[i].pair == pair) return &slots_[i];
    if (slots_[i].pair == kEmpty) return nullptr;
  }
}

void Bpe::merge(std::vector<std::int32_t>& symbols) const {
  if (symbols.size() < 2 || slots_.empty()) return;
  if (symbols.size() <= kShortSymbols) {
    merge_short(symbols);
  } else {
    merge_long(symbols);
  }
}

void Bpe::merge_short(std::vector<std::int32_t>& symbols) const {
  constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::max();
  const Slot* pairs[kShortSymbols];  // pairs[i]: of symbols i and i + 1
  std::size_t n = symbols.size();
  for (std::size_t i = 0; i + 1 < n; ++i) pairs[i] = find(symbols[i], symbols[i + 1]);
  while (n > 1) {
    std::int32_t best_rank = kNone;
    std::size_t best = 0;
    for (std::size_t i = 0; i + 1 < n; ++i) {
      if (pairs[i] != nullptr && pairs[i]->rank < best_rank) {
        best_rank = pairs[i]->rank;
        best = i;
      }
    }
    if (best_rank == kNone) break;
    symbols[best] = pairs[best]->joined;
    for (std::size_t i = best + 1; i + 1 < n; ++i) {
      symbols[i] = symbols[i + 1];
      pairs[i - 1] = pairs[i];
    }
    --n;
    if (best > 0) pairs[best - 1] = find(symbols[best - 1], symbols[best]);
    if (best + 1 < n) pairs[best] = find(symbols[best], symbols[best + 1]);
  }
  symbols.resize(n);
}

void Bpe::merge_long(std::vector<std::int32_t>& symbols) const {
  const auto n = static_cast<std::int32_t>(symbols.size());
  std::vector<std::int32_t> previous(symbols.size()), next(symbols.size());
  std::vector<Candidate> first;
  const auto candidate = [&](std::int32_t left, std::int32_t right, std::vector<Candidate>& out) {
    if (const Slot* slot = find(symbols[left], symbols[right]))
      out.push_back({slot->rank, left, symbols[left], symbols[right], slot->joined});
  };
  for (std::int32_t i = 0; i < n; ++i) {
    previous[i] = i - 1;
    next[i] = i + 1;
    if (i + 1 < n) candidate(i, i + 1, first);
  }
  std::priority_queue<Candidate, std::vector<Candidate>, Later> queue(Later{}, std::move(first));
  std::vector<Candidate> fresh;
  constexpr std::int32_t kGone = -1;
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    // Stale if a neighbour's merge changed either side since it was queued.
    if (symbols[top.at] != top.left) continue;
    const std::int32_t right = next[top.at];
    if (right >= n || symbols[right] != top.right) continue;
    symbols[top.at] = top.joined;
    symbols[right] = kGone;
    next[top.at] = next[right];
    if (next[right] < n) previous[next[right]] = top.at;
    fresh.clear();
    if (previous[top.at] >= 0) candidate(previous[top.at], top.at, fresh);
    if (next[top.at] < n) candidate(top.at, next[top.at], fresh);
    for (const Candidate& c : fresh) queue.push(c);
  }
  std::size_t kept = 0;
  for (const std::int32_t symbol : symbols) {
    if (symbol != kGone) symbols[kept++] = symbol;
  }
  symbols.resize(kept);
}

}  // namespace faqsmith
