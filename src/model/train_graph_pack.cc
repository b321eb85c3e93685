// Lays sequences side by side and finds the rows that carry a label.
#include "model/train_graph_pack.h"

#include <numeric>

#include "base/error.h"

namespace faqsmith {

double Pack::total_weight() const {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

void append_sequence(Pack& pack, std::span<const TokenId> ids, const std::vector<bool>& trained) {
  append_sequence(pack, ids, std::vector<float>(trained.begin(), trained.end()));
}

void append_sequence(Pack& pack, std::span<const TokenId> ids, std::span<const float> weights) {
  require(ids.size() == weights.size() && !ids.empty(), "a sequence has one weight for each token");
  if (pack.starts.empty()) pack.starts.push_back(0);
  const auto base = static_cast<std::int32_t>(pack.tokens.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    pack.tokens.push_back(ids[i]);
    pack.positions.push_back(static_cast<std::int32_t>(i));
    if (i + 1 < ids.size() && weights[i + 1] > 0) {
      pack.rows.push_back(base + static_cast<std::int32_t>(i));
      pack.labels.push_back(ids[i + 1]);
      pack.weights.push_back(weights[i + 1]);
    }
  }
  pack.starts.push_back(static_cast<std::int32_t>(pack.tokens.size()));
}

}  // namespace faqsmith
