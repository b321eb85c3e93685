// Rows of a sequence may use pages that an earlier sequence fills in the same step: within a layer all keys are stored
// before any attention is computed.
#include "infer/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace faqsmith {

Scheduler::Scheduler(ForwardPass& forward)
    : forward_(forward),
      tree_(forward.limits().n_pages, forward.limits().page_rows),
      page_rows_(static_cast<std::size_t>(forward.limits().page_rows)),
      alone_(forward.limits().determinism == Determinism::AnyBatch) {}

std::size_t Scheduler::n_pages_for(std::size_t tokens) const {
  return (tokens + page_rows_ - 1) / page_rows_;
}

std::size_t Scheduler::n_left(const Sequence& sequence) const {
  return std::min(sequence.tokens.size(), sequence.n_total) - sequence.n_cached;
}

std::string Scheduler::obstacle(const Sequence& sequence) const {
  const auto context = static_cast<std::size_t>(forward_.limits().max_positions);
  if (sequence.n_total > context) {
    return fmt::format("{} tokens do not fit the model's context of {}", sequence.n_total, context);
  }
  if (n_pages_for(sequence.n_total) > static_cast<std::size_t>(tree_.n_pages())) {
    return fmt::format("{} tokens do not fit the key/value cache of {}", sequence.n_total,
                       tree_.n_pages() * forward_.limits().page_rows);
  }
  return "";
}

std::vector<TokenId> Scheduler::keys_of(const Sequence& sequence, std::size_t first, std::size_t n) const {
  constexpr TokenId kOfReply = TokenId{1} << 30;  // no vocabulary is as large
  std::vector<TokenId> keys(sequence.tokens.begin() + static_cast<std::ptrdiff_t>(first),
                            sequence.tokens.begin() + static_cast<std::ptrdiff_t>(first + n));
  if (!alone_) return keys;
  for (std::size_t i = 0; i < n; ++i) keys[i] |= first + i >= sequence.n_prompt ? kOfReply : 0;
  return keys;
}

bool Scheduler::admit(Sequence& sequence) {
  if (sequence.n_prompt == Sequence::npos) sequence.n_prompt = sequence.tokens.size();
  auto match = tree_.find(keys_of(sequence, 0, sequence.tokens.size()), sequence.first_logit, step_);
  for (auto node : match.nodes) tree_.acquire(node);
  if (match.partial >= 0) tree_.acquire(match.partial);
  const auto forget_partial = [&] {
    if (match.partial >= 0) tree_.release(match.partial);
    match.partial = -1;
  };
  const auto n_new = static_cast<std::int64_t>(n_pages_for(sequence.n_total) - match.nodes.size());
  const auto fits = [&] { return n_new <= tree_.available() - reserved_; };
  if (!fits()) forget_partial();  // the page that would be copied from may be the one that is needed
  if (!fits()) {
    for (auto node : match.nodes) tree_.release(node);
    return false;
  }
  sequence.nodes = match.nodes;
  for (auto node : match.nodes) sequence.pages.push_back(tree_.page(node));
  sequence.n_cached = match.nodes.size() * page_rows_;
  const std::size_t n_now = n_pages_for(std::min(sequence.tokens.size(), sequence.n_total));
  while (sequence.pages.size() < n_now) sequence.pages.push_back(tree_.take_page());
  reserved_ += static_cast<std::int64_t>(n_pages_for(sequence.n_total) - n_now);
  if (match.partial >= 0) {
    forward_.copy_page(tree_.page(match.partial), sequence.pages[match.nodes.size()]);
    sequence.n_cached += static_cast<std::size_t>(match.rows);
  }
  forget_partial();
  n_rows_shared_ += static_cast<std::int64_t>(sequence.n_cached);
  share_new_pages(sequence);
  return true;
}

// Whole pages of known tokens are offered to others at once, before they are computed.
void Scheduler::share_new_pages(Sequence& sequence) {
  const std::size_t n_whole = std::min(sequence.tokens.size(), sequence.n_total) / page_rows_;
  for (std::size_t i = sequence.nodes.size(); i < n_whole; ++i) {
    const auto tokens = keys_of(sequence, i * page_rows_, page_rows_);
    const auto parent = i == 0 ? PrefixTree::kRoot : sequence.nodes.back();
    if (tree_.child(parent, tokens) >= 0) return;  // its logits are wanted, so it is computed again, privately
    sequence.nodes.push_back(tree_.add(parent, tokens, sequence.pages[i]));
  }
}

bool Scheduler::shared_pages_ready(Sequence& sequence) const {
  if (sequence.ready) return true;
  for (std::size_t i = 0; i < sequence.nodes.size() && (i + 1) * page_rows_ <= sequence.n_cached; ++i) {
    if (tree_.step(sequence.nodes[i]) > step_) return false;
  }
  return sequence.ready = true;
}

void Scheduler::plan_rows(Sequence& sequence, std::size_t n) {
  while (sequence.pages.size() * page_rows_ < sequence.n_cached + n) {
    sequence.pages.push_back(tree_.take_page());
    --reserved_;
  }
  const auto index = static_cast<std::int32_t>(batch_.pages.size());
  batch_.pages.emplace_back(sequence.pages);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t position = sequence.n_cached + i;
    if (position >= sequence.first_logit) {
      batch_.logit_rows.push_back(static_cast<std::int32_t>(batch_.ids.size()));
      logit_rows_.push_back({.sequence = &sequence, .position = position});
    }
    batch_.ids.push_back(sequence.tokens[position]);
    batch_.positions.push_back(static_cast<std::int32_t>(position));
    const auto path = position < sequence.n_prompt ? AttentionPath::Block : AttentionPath::Single;
    batch_.rows.push_back({.sequence = index,
                           .n_keys = static_cast<std::int32_t>(position + 1),
                           .path = alone_ ? path : AttentionPath::ByRun});
  }
  sequence.n_cached += n;
  for (std::size_t i = 0; i < sequence.nodes.size() && (i + 1) * page_rows_ <= sequence.n_cached; ++i) {
    if (tree_.step(sequence.nodes[i]) == PrefixTree::kNever) tree_.set_step(sequence.nodes[i], step_);
  }
}

std::span<const Scheduler::LogitRow> Scheduler::step(std::span<Sequence* const> sequences) {
  batch_ = {};
  logit_rows_.clear();
  const auto room = [&] { return static_cast<std::size_t>(forward_.limits().max_rows) - batch_.ids.size(); };
  // Running replies first, so that a flood of long prompts does not stop them.
  for (Sequence* sequence : sequences) {
    if (n_left(*sequence) == 1 && room() > 0 && shared_pages_ready(*sequence)) plan_rows(*sequence, 1);
  }
  for (Sequence* sequence : sequences) {
    const std::size_t n = std::min(n_left(*sequence), room());
    if (n > 0 && shared_pages_ready(*sequence)) plan_rows(*sequence, n);
  }
  require(!batch_.ids.empty(), "some sequence can go on in every step");
  forward_.run(batch_);
  n_rows_computed_ += static_cast<std::int64_t>(batch_.ids.size());
  ++step_;
  return logit_rows_;
}

// Offers pages of a finished sequence to later ones: all of them, or only the one in which the prompt ends (its whole
// pages were offered when it was admitted). A page that is not full can still be copied from.
void Scheduler::donate_pages(Sequence& sequence, Pages pages) {
  const std::size_t end =
      pages == Pages::Keep ? sequence.n_cached : std::min(sequence.first_logit + 1, sequence.n_cached);
  for (std::size_t i = sequence.nodes.size(); i * page_rows_ < end; ++i) {
    const std::size_t n = std::min(page_rows_, sequence.n_cached - i * page_rows_);
    const auto tokens = keys_of(sequence, i * page_rows_, n);
    const auto parent = i == 0 ? PrefixTree::kRoot : sequence.nodes.back();
    if (tree_.child(parent, tokens) >= 0) return;
    sequence.nodes.push_back(tree_.add(parent, tokens, sequence.pages[i]));
    tree_.set_step(sequence.nodes.back(), step_ - 1);
  }
}

void Scheduler::finish(Sequence& sequence, Pages pages) {
  reserved_ -= static_cast<std::int64_t>(n_pages_for(sequence.n_total) - sequence.pages.size());
  donate_pages(sequence, pages);
  for (std::size_t i = sequence.nodes.size(); i < sequence.pages.size(); ++i) tree_.give_page(sequence.pages[i]);
  // Leaves first, so that they are evicted before their parents.
  for (auto node = sequence.nodes.rbegin(); node != sequence.nodes.rend(); ++node) tree_.release(*node);
  sequence.pages.clear();
  sequence.nodes.clear();
}

void Scheduler::forget_everything() {
  tree_.clear();
  reserved_ = 0;
}

}  // namespace faqsmith
