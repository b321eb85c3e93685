// Seeded epochs and greedy packing.
#include "train/data_order.h"

#include <numeric>

#include "base/error.h"
#include "base/rng.h"

namespace faqsmith {

DataOrder::DataOrder(const std::vector<Example>& examples, std::uint64_t seed) : examples_(examples), seed_(seed) {
  require(!examples.empty(), "a data order needs examples");
}

void DataOrder::shuffle_epoch() {
  order_.resize(examples_.size());
  std::iota(order_.begin(), order_.end(), 0);
  Rng rng(mix_seed(seed_, static_cast<std::uint64_t>(position_.epoch)));
  rng.shuffle(order_);
  shuffled_epoch_ = position_.epoch;
}

const Example& DataOrder::peek() {
  if (position_.index >= static_cast<std::int64_t>(examples_.size())) position_ = {position_.epoch + 1, 0};
  if (shuffled_epoch_ != position_.epoch) shuffle_epoch();
  return examples_[static_cast<std::size_t>(order_[static_cast<std::size_t>(position_.index)])];
}

std::vector<const Example*> DataOrder::next(std::int64_t rows, std::int64_t max_tokens) {
  std::vector<const Example*> taken;
  std::int64_t tokens = 0;
  for (;;) {
    const Example& example = peek();
    const auto length = static_cast<std::int64_t>(example.ids.size());
    const bool full = max_tokens > 0 ? tokens + length > max_tokens : static_cast<std::int64_t>(taken.size()) >= rows;
    if (full && !taken.empty()) return taken;
    taken.push_back(&example);
    tokens += length;
    ++position_.index;
  }
}

void DataOrder::seek(Position position) {
  require(position.epoch >= 0 && position.index >= 0, "a place in the data order is not negative");
  position_ = position;
}

namespace {

std::vector<float> loss_weights(const Example& example, double question_weight) {
  std::vector<float> weights(example.trained.begin(), example.trained.end());
  for (std::size_t i = 0; i < example.asked.size(); ++i)
    if (example.asked[i]) weights[i] = static_cast<float>(question_weight);
  return weights;
}

struct Weighted {
  const Example* example;
  std::vector<float> weights;
};

Pack make_pack(const std::vector<Weighted>& rows, bool share_prefix) {
  const std::vector<TokenId>& first = rows.front().example->ids;
  std::int64_t shared = share_prefix && rows.size() > 1 ? static_cast<std::int64_t>(first.size()) : 0;
  for (const Weighted& row : rows) shared = shared_tokens(first, shared, row.example->ids, row.weights);
  Pack pack;
  begin_shared(pack, std::span(first).first(static_cast<std::size_t>(shared)));
  for (const Weighted& row : rows) append_sequence(pack, row.example->ids, row.weights);
  return pack;
}

}  // namespace

std::vector<Pack> make_packs(const std::vector<const Example*>& examples, const PackOptions& options) {
  std::vector<Pack> packs;
  std::vector<Weighted> rows;
  std::int64_t tokens = 0;
  const auto finish = [&] {
    if (!rows.empty()) packs.push_back(make_pack(rows, options.share_prefix));
    rows.clear();
    tokens = 0;
  };
  for (const Example* example : examples) {
    const auto length = static_cast<std::int64_t>(example->ids.size());
    require(length <= options.capacity, "an example fits into a pack");
    if (tokens + length > options.capacity) finish();
    rows.push_back({example, loss_weights(*example, options.question_weight)});
    tokens += length;
  }
  finish();
  return packs;
}

}  // namespace faqsmith
