// Which examples a step takes: an endless stream of epochs, each shuffled by its own seed. The place in the stream is
// two numbers, so a resumed run goes on with exactly the examples that an undisturbed one would take.
#pragma once
#include <cstdint>
#include <vector>

#include "model/train_graph_pack.h"
#include "train/examples.h"

namespace faqsmith {

class DataOrder {
 public:
  struct Position {
    std::int64_t epoch = 0;
    std::int64_t index = 0;  // examples of this epoch that are already taken
    friend bool operator==(const Position&, const Position&) = default;
  };
  DataOrder(const std::vector<Example>& examples, std::uint64_t seed);  // keeps a reference

  // The next rows examples; with max_tokens > 0, examples until the next one would pass max_tokens (at least one).
  [[nodiscard]] std::vector<const Example*> next(std::int64_t rows, std::int64_t max_tokens);
  [[nodiscard]] Position position() const { return position_; }
  void seek(Position position);

 private:
  [[nodiscard]] const Example& peek();  // enters the next epoch if this one is used up
  void shuffle_epoch();
  const std::vector<Example>& examples_;
  std::uint64_t seed_;
  Position position_;
  std::int64_t shuffled_epoch_ = -1;
  std::vector<std::int32_t> order_;
};

struct PackOptions {
  std::int64_t capacity = 0;     // tokens of a pack, shared ones counted in each example
  double question_weight = 0.0;  // of the loss on the tokens that a user typed; 0 = none
  bool share_prefix = true;      // tokens that all examples of a pack begin with are computed once
};

// Cuts examples, in order, into packs. Throws if a single one is longer than the capacity.
[[nodiscard]] std::vector<Pack> make_packs(const std::vector<const Example*>& examples, const PackOptions& options);

}  // namespace faqsmith
