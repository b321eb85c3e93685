// Lays sequences side by side and finds the rows that carry a label.
#include "model/train_graph_pack.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace faqsmith {

double Pack::total_weight() const {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

std::int64_t shared_tokens(std::span<const TokenId> first, std::int64_t shared, std::span<const TokenId> ids,
                           std::span<const float> weights) {
  const std::int64_t most = std::min(shared, static_cast<std::int64_t>(ids.size()) - 1);
  for (std::int64_t i = 0; i < most; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (ids[at] != first[at] || weights[at + 1] > 0) return i;
  }
  return std::max<std::int64_t>(most, 0);
}

void begin_shared(Pack& pack, std::span<const TokenId> tokens) {
  require(pack.tokens.empty(), "only an empty pack begins with shared tokens");
  pack.tokens.assign(tokens.begin(), tokens.end());
  pack.positions.resize(tokens.size());
  std::iota(pack.positions.begin(), pack.positions.end(), 0);
  pack.starts = {static_cast<std::int32_t>(tokens.size())};
}

void append_sequence(Pack& pack, std::span<const TokenId> ids, const std::vector<bool>& trained) {
  append_sequence(pack, ids, std::vector<float>(trained.begin(), trained.end()));
}

void append_sequence(Pack& pack, std::span<const TokenId> ids, std::span<const float> weights) {
  require(ids.size() == weights.size() && !ids.empty(), "a sequence has one weight for each token");
  if (pack.starts.empty()) pack.starts.push_back(0);
  const auto shared = static_cast<std::size_t>(pack.n_shared());
  require(shared_tokens(pack.tokens, pack.n_shared(), ids, weights) == pack.n_shared(),
          "a sequence begins with its pack's shared tokens, without a label there");
  for (std::size_t i = shared; i < ids.size(); ++i) {
    pack.tokens.push_back(ids[i]);
    pack.positions.push_back(static_cast<std::int32_t>(i));
    if (i + 1 < ids.size() && weights[i + 1] > 0) {
      pack.rows.push_back(static_cast<std::int32_t>(pack.tokens.size()) - 1);
      pack.labels.push_back(ids[i + 1]);
      pack.weights.push_back(weights[i + 1]);
    }
  }
  pack.starts.push_back(static_cast<std::int32_t>(pack.tokens.size()));
}

}  // namespace faqsmith
