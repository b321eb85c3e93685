// Which cached pages hold which token prefixes: a tree whose nodes are whole pages. Sequences that begin alike
// reference the same pages; pages that no sequence uses stay until their room is needed, least recently used leaves
// first. It owns page numbers, not memory. Not thread-safe. Idea: vLLM's prefix cache, SGLang's radix cache (arXiv
// 2312.07104).
#pragma once
#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "infer/forward.h"
#include "text/tokenizer.h"

namespace faqsmith {

class PrefixTree {
 public:
  using NodeId = std::int32_t;
  static constexpr NodeId kRoot = 0;
  static constexpr std::int64_t kNever = INT64_MAX;

  PrefixTree(std::int64_t n_pages, std::int64_t page_rows);

  // The longest known prefix of tokens[0, limit): whole pages, then (rows > 0) the first rows of one more page, which
  // must be copied. Pages that another sequence has yet to compute are found too, rows of them are not.
  struct Match {
    std::vector<NodeId> nodes;
    NodeId partial = -1;
    std::int64_t rows = 0;
  };
  [[nodiscard]] Match find(std::span<const TokenId> tokens, std::size_t limit, std::int64_t step) const;

  void acquire(NodeId node);  // while acquired it is not evicted
  void release(NodeId node);
  // A new child of parent (acquired) for up to page_rows tokens (fewer: only copied from); takes over the page. The
  // caller holds it acquired.
  NodeId add(NodeId parent, std::span<const TokenId> tokens, PageId page);
  [[nodiscard]] NodeId child(NodeId parent, std::span<const TokenId> tokens) const;  // -1 if there is none
  // The step in which the page's last row is computed: usable in that step, after its rows, and later.
  void set_step(NodeId node, std::int64_t step) { at(node).step = step; }
  [[nodiscard]] std::int64_t step(NodeId node) const { return at(node).step; }
  [[nodiscard]] PageId page(NodeId node) const { return at(node).page; }

  // Pages outside the tree. take_page() evicts if it must; require: available() > 0.
  [[nodiscard]] std::int64_t available() const;  // free or evictable
  [[nodiscard]] PageId take_page();
  void give_page(PageId page) { free_.push_back(page); }
  [[nodiscard]] std::int64_t n_pages() const { return n_pages_; }
  void clear();  // forgets everything: all pages are free

 private:
  struct Node {
    NodeId parent = -1;
    PageId page = -1;
    std::int32_t n_users = 0, n_children = 0;
    std::int64_t step = kNever, last_use = 0;
    std::vector<TokenId> tokens;                                // page_rows
    std::unordered_map<TokenId, std::vector<NodeId>> children;  // by first token
  };
  Node& at(NodeId id) { return nodes_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const Node& at(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  void evict_one();

  std::int64_t n_pages_, page_rows_, clock_ = 0;
  std::vector<PageId> free_;
  std::vector<Node> nodes_;
  std::vector<NodeId> free_nodes_;
  std::int64_t n_unused_ = 0;                            // nodes without users
  std::set<std::pair<std::int64_t, NodeId>> evictable_;  // unused leaves by last use
};

}  // namespace faqsmith
