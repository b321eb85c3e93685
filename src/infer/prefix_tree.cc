// A node in use keeps its ancestors in use, because a sequence acquires its whole path: so every unused node can be
// evicted sooner or later.
#include "infer/prefix_tree.h"

#include <algorithm>

#include "base/error.h"

namespace faqsmith {

PrefixTree::PrefixTree(std::int64_t n_pages, std::int64_t page_rows) : n_pages_(n_pages), page_rows_(page_rows) {
  clear();
}

void PrefixTree::clear() {
  nodes_.assign(1, Node{});
  free_nodes_.clear();
  evictable_.clear();
  n_unused_ = 0;
  clock_ = 0;
  free_.clear();
  for (std::int64_t p = n_pages_ - 1; p >= 0; --p) free_.push_back(static_cast<PageId>(p));
}

PrefixTree::NodeId PrefixTree::child(NodeId parent, std::span<const TokenId> tokens) const {
  const auto bucket = at(parent).children.find(tokens.front());
  if (bucket == at(parent).children.end()) return -1;
  for (NodeId id : bucket->second) {
    if (std::equal(tokens.begin(), tokens.end(), at(id).tokens.begin(), at(id).tokens.end())) return id;
  }
  return -1;
}

PrefixTree::Match PrefixTree::find(std::span<const TokenId> tokens, std::size_t limit, std::int64_t step) const {
  Match match;
  const auto page_rows = static_cast<std::size_t>(page_rows_);
  tokens = tokens.subspan(0, std::min(limit, tokens.size()));
  NodeId parent = kRoot;
  while (tokens.size() >= page_rows) {
    const NodeId next = child(parent, tokens.subspan(0, page_rows));
    if (next < 0) break;
    match.nodes.push_back(parent = next);
    tokens = tokens.subspan(page_rows);
  }
  if (tokens.empty()) return match;
  const auto bucket = at(parent).children.find(tokens.front());
  if (bucket == at(parent).children.end()) return match;
  for (NodeId id : bucket->second) {
    if (at(id).step >= step) continue;
    const auto [end, unused] = std::mismatch(tokens.begin(), tokens.end(), at(id).tokens.begin(), at(id).tokens.end());
    const auto rows = static_cast<std::int64_t>(end - tokens.begin());
    if (rows > match.rows) {
      match.rows = rows;
      match.partial = id;
    }
  }
  return match;
}

void PrefixTree::acquire(NodeId id) {
  Node& node = at(id);
  if (node.n_users++ > 0) return;
  --n_unused_;
  evictable_.erase({node.last_use, id});
}

void PrefixTree::release(NodeId id) {
  Node& node = at(id);
  require(node.n_users > 0, "only acquired nodes are released");
  if (--node.n_users > 0) return;
  ++n_unused_;
  node.last_use = ++clock_;
  if (node.n_children == 0) evictable_.insert({node.last_use, id});
}

PrefixTree::NodeId PrefixTree::add(NodeId parent, std::span<const TokenId> tokens, PageId page) {
  require(!tokens.empty() && static_cast<std::int64_t>(tokens.size()) <= page_rows_, "a node holds a page's tokens");
  NodeId id = static_cast<NodeId>(nodes_.size());
  if (free_nodes_.empty()) {
    nodes_.emplace_back();
  } else {
    id = free_nodes_.back();
    free_nodes_.pop_back();
  }
  Node node{.parent = parent, .page = page, .n_users = 1, .tokens = {tokens.begin(), tokens.end()}, .children = {}};
  at(id) = std::move(node);
  ++at(parent).n_children;
  at(parent).children[tokens.front()].push_back(id);
  return id;
}

std::int64_t PrefixTree::available() const {
  return static_cast<std::int64_t>(free_.size()) + n_unused_;
}

PageId PrefixTree::take_page() {
  if (free_.empty()) evict_one();
  const PageId page = free_.back();
  free_.pop_back();
  return page;
}

void PrefixTree::evict_one() {
  require(!evictable_.empty(), "a page is free or can be evicted");
  const NodeId id = evictable_.begin()->second;
  evictable_.erase(evictable_.begin());
  --n_unused_;
  const NodeId parent = at(id).parent;
  free_.push_back(at(id).page);
  auto& siblings = at(parent).children[at(id).tokens.front()];
  siblings.erase(std::find(siblings.begin(), siblings.end(), id));
  if (siblings.empty()) at(parent).children.erase(at(id).tokens.front());
  at(id) = Node{};
  free_nodes_.push_back(id);
  Node& above = at(parent);
  if (--above.n_children == 0 && above.n_users == 0 && parent != kRoot) evictable_.insert({above.last_use, parent});
}

}  // namespace faqsmith
