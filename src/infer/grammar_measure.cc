// What follows once every place of the schema is a node: branches of branches, the shortest text of each node (a fixed
// point, because nodes may be recursive), and whether the branches of a oneOf exclude each other.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "infer/schema_compiler.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxBranches = 100'000;   // of all anyOf, branches of branches counted each time
constexpr std::int64_t kMaxShortest = 1 << 16;  // bytes of a node's shortest text: nested minItems multiply

// First letters of JSON values, as bits.
constexpr unsigned kObject = 1, kArray = 2, kString = 4, kNumber = 8, kTrue = 16, kFalse = 32, kNull = 64;

}  // namespace

std::vector<int> SchemaCompiler::leaves(int index) const {
  std::vector<int> out, open = {index};
  std::set<int> seen;
  while (!open.empty()) {
    const int at = open.back();
    open.pop_back();
    budget_.spend_work(4);
    if (!seen.insert(at).second) continue;  // a branch of itself adds nothing
    const GrammarNode& node = grammar_.node(at);
    if (node.kind != GrammarNode::Kind::AnyOf) {
      out.push_back(at);
      continue;
    }
    open.insert(open.end(), node.branches.rbegin(), node.branches.rend());
  }
  return out;
}

void SchemaCompiler::flatten_branches() {
  std::size_t total = 0;
  std::vector<std::vector<int>> flat(grammar_.nodes_.size());
  for (std::size_t i = 0; i < flat.size(); ++i) {
    if (grammar_.nodes_[i].kind != GrammarNode::Kind::AnyOf) continue;
    flat[i] = leaves(static_cast<int>(i));
    total += flat[i].size();
    if (total > kMaxBranches)
      throw Error(Kind::User, fmt::format("JSON schema: more than {} branches at {}", kMaxBranches, places_[i]),
                  "use fewer anyOf");
  }
  for (std::size_t i = 0; i < flat.size(); ++i) {
    if (grammar_.nodes_[i].kind == GrammarNode::Kind::AnyOf) grammar_.nodes_[i].branches = std::move(flat[i]);
  }
}

// From what is known of its children; false if that says no more than before. 0 = nothing is known yet.
bool SchemaCompiler::measure(GrammarNode& node) const {
  std::int64_t size = 0;
  int depth = 1, branch = -1;
  switch (node.kind) {
    case GrammarNode::Kind::Automaton:
      size = node.automaton.shortest_size(node.automaton.start());
      break;
    case GrammarNode::Kind::String:
      size = node.min_count + 2;
      break;
    case GrammarNode::Kind::Array: {
      const GrammarNode& item = grammar_.node(node.item);
      if (node.min_count > 0 && item.shortest_size == 0) return false;
      size = 2 + node.min_count * item.shortest_size + std::max<std::int64_t>(0, node.min_count - 1);
      if (node.min_count > 0) depth = 1 + item.shortest_depth;
      break;
    }
    case GrammarNode::Kind::Object: {
      size = 2;
      bool comma = false;
      for (const auto& property : node.properties) {
        if (!property.required) continue;
        const GrammarNode& child = grammar_.node(property.node);
        if (child.shortest_size == 0) return false;
        size += child.shortest_size + static_cast<std::int64_t>(property.key.size()) + (comma ? 2 : 1);
        depth = std::max(depth, 1 + child.shortest_depth);
        comma = true;
      }
      break;
    }
    case GrammarNode::Kind::AnyOf:
      for (const int index : node.branches) {
        const GrammarNode& child = grammar_.node(index);
        if (child.shortest_size == 0 || (size != 0 && child.shortest_size >= size)) continue;
        size = child.shortest_size;
        depth = child.shortest_depth;
        branch = index;
      }
      if (branch < 0) return false;
      break;
  }
  size = std::min(size, 2 * kMaxShortest);  // far beyond what is allowed: keep sums small
  if (node.shortest_size != 0 && node.shortest_size <= size && node.shortest_depth == depth) return false;
  node.shortest_size = size;
  node.shortest_depth = depth;
  node.shortest_branch = branch;
  return true;
}

void SchemaCompiler::measure() {
  // Sizes only fall once they are known, and a round without change is the end; children mostly stand behind parents.
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = grammar_.nodes_.size(); i-- > 0;) {
      changed = measure(grammar_.nodes_[i]) || changed;
      budget_.spend_work(
          1 + static_cast<std::int64_t>(grammar_.nodes_[i].properties.size() + grammar_.nodes_[i].branches.size()));
    }
  }
  for (std::size_t i = 0; i < grammar_.nodes_.size(); ++i) {
    const GrammarNode& node = grammar_.nodes_[i];
    const auto refuse = [&](const std::string& what) {
      throw Error(Kind::User, fmt::format("JSON schema: {} at {}", what, places_[i]), "change the schema");
    };
    if (node.shortest_size == 0) refuse("a recursion without an end");
    if (node.shortest_size > kMaxShortest) refuse("the shortest text is longer than 64 KiB");
    if (node.shortest_depth > Grammar::kMaxDepth)
      refuse(fmt::format("the shortest text nests deeper than {} values", Grammar::kMaxDepth));
  }
}

unsigned SchemaCompiler::first_letters(const GrammarNode& node) const {
  if (node.kind == GrammarNode::Kind::Object) return kObject;
  if (node.kind == GrammarNode::Kind::Array) return kArray;
  if (node.kind == GrammarNode::Kind::String) return kString;
  unsigned out = 0;
  const auto starts = [&](char c) {
    return node.automaton.step(node.automaton.start(), static_cast<std::uint8_t>(c)) >= 0;
  };
  const std::pair<std::string_view, unsigned> letters[] = {
      {"{", kObject}, {"[", kArray}, {"\"", kString}, {"-0123456789", kNumber},
      {"t", kTrue},   {"f", kFalse}, {"n", kNull}};
  for (const auto& [set, bit] : letters) {
    if (std::any_of(set.begin(), set.end(), starts)) out |= bit;
  }
  return out;
}

// No value is of both nodes (of no AnyOf). When in doubt, false.
bool SchemaCompiler::disjoint(int a, int b, bool look_inside) const {
  budget_.spend_work(1);
  const GrammarNode &x = grammar_.node(a), &y = grammar_.node(b);
  const unsigned common = first_letters(x) & first_letters(y);
  if (common == 0) return true;
  // Equal numbers may have different texts (1, 1.0), and so may equal objects and arrays.
  if (x.kind == GrammarNode::Kind::Automaton && y.kind == GrammarNode::Kind::Automaton &&
      (common & (kNumber | kObject | kArray)) == 0)
    return ByteAutomaton::intersection(x.automaton, y.automaton, budget_).empty();
  if (x.kind != GrammarNode::Kind::Object || y.kind != GrammarNode::Kind::Object || !look_inside) return false;
  // A property that both demand and that tells them apart.
  for (const auto& left : x.properties) {
    for (const auto& right : y.properties) {
      budget_.spend_work(1);
      if (!left.required || !right.required || left.key != right.key) continue;
      const auto lefts = leaves(left.node), rights = leaves(right.node);
      if (std::all_of(lefts.begin(), lefts.end(), [&](int l) {
            return std::all_of(rights.begin(), rights.end(), [&](int r) { return disjoint(l, r, false); });
          })) {
        return true;
      }
    }
  }
  return false;
}

void SchemaCompiler::check_one_of() const {
  for (const OneOf& one : one_of_) {
    budget_.place = "JSON schema, " + one.place;
    std::vector<std::vector<int>> parts;
    for (const int branch : one.branches) parts.push_back(leaves(branch));
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (std::size_t k = i + 1; k < parts.size(); ++k) {
        for (const int a : parts[i]) {
          for (const int b : parts[k]) {
            if (disjoint(a, b, true)) continue;
            throw Error(Kind::User,
                        fmt::format("JSON schema: not supported: oneOf whose branches {} and {} may both match at {}",
                                    i, k, one.place),
                        "use anyOf, or a required property with a const that tells the branches apart");
          }
        }
      }
    }
  }
}

}  // namespace faqsmith
