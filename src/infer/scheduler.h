// Continuous batching: which rows of which sequences are computed in the next step, in which pages of the cache.
// Sequences that begin alike share pages, also while the first of them is still being computed. Pages are reserved when
// a sequence is admitted, so an admitted sequence always runs to its end. Deterministic; not thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "infer/forward.h"
#include "infer/prefix_tree.h"

namespace faqsmith {

struct Sequence {
  std::vector<TokenId> tokens;  // known so far: the prompt, then what generation appends
  std::size_t first_logit = 0;  // logits are wanted from this token on (those of token i predict token i + 1)
  std::size_t n_total = 0;      // tokens that may be fed in all; more than these in `tokens` are never fed
  // Tokens before the reply; the others are computed one by one, as decoding does. npos: all that are known at
  // admission.
  static constexpr std::size_t npos = SIZE_MAX;
  std::size_t n_prompt = npos;
  // The scheduler's own:
  std::size_t n_cached = 0;  // tokens whose keys and values are in the cache after the planned step
  std::vector<PageId> pages = {};
  std::vector<PrefixTree::NodeId> nodes = {};  // of the leading pages; the pages after them are private
  bool ready = false;                          // shared pages are computed
};

class Scheduler {
 public:
  explicit Scheduler(ForwardPass& forward);  // keeps a reference

  // Why this sequence can never run (context or cache too small); empty if it can.
  [[nodiscard]] std::string obstacle(const Sequence& sequence) const;
  // Finds shared pages and reserves the rest; false if there is no room until others finish.
  [[nodiscard]] bool admit(Sequence& sequence);

  struct LogitRow {
    Sequence* sequence = nullptr;
    std::size_t position = 0;
  };
  // Plans and computes one step over the admitted, unfinished sequences (in order of admission). Returns whose logits
  // wait in forward.logits(), in that order.
  [[nodiscard]] std::span<const LogitRow> step(std::span<Sequence* const> sequences);

  enum class Pages { Keep, Drop };  // Keep: the reply's own pages stay known, for a later prompt that continues it
  void finish(Sequence& sequence, Pages pages);
  void forget_everything();  // all sequences and shared prefixes

  [[nodiscard]] std::int64_t n_rows_computed() const { return n_rows_computed_; }  // since construction
  [[nodiscard]] std::int64_t n_rows_shared() const { return n_rows_shared_; }      // taken from the cache instead

 private:
  [[nodiscard]] std::size_t n_pages_for(std::size_t tokens) const;
  [[nodiscard]] std::size_t n_left(const Sequence& sequence) const;
  [[nodiscard]] bool shared_pages_ready(Sequence& sequence) const;
  // What the tree knows a sequence's tokens by, [first, first + n): where bytes must not depend on the batch, a token
  // of a reply is another one than the same token of a prompt, because its sums were taken in another order.
  [[nodiscard]] std::vector<TokenId> keys_of(const Sequence& sequence, std::size_t first, std::size_t n) const;
  void share_new_pages(Sequence& sequence);
  void donate_pages(Sequence& sequence, Pages pages);
  void plan_rows(Sequence& sequence, std::size_t n);

  ForwardPass& forward_;
  PrefixTree tree_;
  std::size_t page_rows_;
  bool alone_;                 // a row's bytes may depend on its own sequence only
  std::int64_t reserved_ = 0;  // pages promised to admitted sequences and not yet taken
  std::int64_t step_ = 1;
  std::int64_t n_rows_computed_ = 0, n_rows_shared_ = 0;
  StepBatch batch_;
  std::vector<LogitRow> logit_rows_;
};

}  // namespace faqsmith
