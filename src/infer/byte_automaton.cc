// Subset construction over byte intervals, then states that lead nowhere are taken out.
#include "infer/byte_automaton.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/hash.h"

namespace faqsmith {

void AutomatonBudget::spend_states(std::int64_t n) {
  states += n;
  if (states <= limits.states) return;
  throw Error(Kind::User, fmt::format("{}: needs more than {} states", place, limits.states),
              "use smaller repetitions or fewer values");
}

void AutomatonBudget::spend_work(std::int64_t n) {
  work += n;
  if (work <= limits.work) return;
  throw Error(Kind::User, fmt::format("{}: takes more than {} steps to prepare", place, limits.work),
              "use smaller repetitions or fewer values");
}

ByteNfa::State ByteNfa::add_state() {
  if (nodes_.size() >= static_cast<std::size_t>(budget_.limits.building)) {
    throw Error(Kind::User,
                fmt::format("{}: written out it has more than {} steps", budget_.place, budget_.limits.building),
                "use smaller repetitions or fewer values");
  }
  nodes_.emplace_back();
  return static_cast<State>(nodes_.size() - 1);
}

void ByteNfa::add_edge(State from, std::uint8_t low, std::uint8_t high, State to) {
  nodes_[static_cast<std::size_t>(from)].edges.push_back({low, high, to});
}

void ByteNfa::add_empty(State from, State to) {
  nodes_[static_cast<std::size_t>(from)].empties.push_back(to);
}

void ByteNfa::add_text(State from, std::string_view text, State to) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const State next = i + 1 == text.size() ? to : add_state();
    const auto byte = static_cast<std::uint8_t>(text[i]);
    add_edge(from, byte, byte, next);
    from = next;
  }
  if (text.empty()) add_empty(from, to);
}

// States as they are found; finish() keeps those that lead to an accepting one.
struct AutomatonBuilder {
  using State = ByteAutomaton::State;
  using Edge = ByteAutomaton::Edge;
  struct Node {
    std::vector<Edge> edges = {};
    bool accept = false;
  };
  std::vector<Node> nodes;

  // Bytes from each state to the nearest accepting one; -1 = none.
  [[nodiscard]] std::vector<std::int32_t> distances() const {
    std::vector<std::vector<State>> sources(nodes.size());
    std::vector<std::int32_t> distance(nodes.size(), -1);
    std::deque<State> queue;
    for (std::size_t s = 0; s < nodes.size(); ++s) {
      for (const Edge& edge : nodes[s].edges)
        sources[static_cast<std::size_t>(edge.to)].push_back(static_cast<State>(s));
      if (!nodes[s].accept) continue;
      distance[s] = 0;
      queue.push_back(static_cast<State>(s));
    }
    for (; !queue.empty(); queue.pop_front()) {
      for (const State source : sources[static_cast<std::size_t>(queue.front())]) {
        auto& known = distance[static_cast<std::size_t>(source)];
        if (known >= 0) continue;
        known = distance[static_cast<std::size_t>(queue.front())] + 1;
        queue.push_back(source);
      }
    }
    return distance;
  }

  // Neighbouring intervals with one target become one.
  static void add(std::vector<Edge>& edges, Edge edge) {
    if (!edges.empty() && edges.back().to == edge.to && edges.back().high + 1 == edge.low) {
      edges.back().high = edge.high;
    } else {
      edges.push_back(edge);
    }
  }

  [[nodiscard]] ByteAutomaton finish() const {
    const auto distance = distances();
    ByteAutomaton out;
    if (nodes.empty() || distance[0] < 0) return out;
    std::vector<State> renamed(nodes.size(), ByteAutomaton::kDead);
    State n = 0;
    for (std::size_t s = 0; s < nodes.size(); ++s) {
      if (distance[s] >= 0) renamed[s] = n++;
    }
    for (std::size_t s = 0; s < nodes.size(); ++s) {
      if (distance[s] < 0) continue;
      std::vector<Edge> edges;
      for (Edge edge : nodes[s].edges) {
        edge.to = renamed[static_cast<std::size_t>(edge.to)];
        if (edge.to != ByteAutomaton::kDead) add(edges, edge);
      }
      out.edges_.insert(out.edges_.end(), edges.begin(), edges.end());
      out.begin_.push_back(out.edges_.size());
      out.accept_.push_back(nodes[s].accept);
      out.distance_.push_back(distance[s]);
    }
    return out;
  }
};

namespace {

using State = ByteAutomaton::State;
using StateSet = std::vector<ByteNfa::State>;  // sorted
struct HashOfSet {
  std::size_t operator()(const StateSet& set) const {
    return hash64({reinterpret_cast<const char*>(set.data()), set.size() * sizeof(set[0])});
  }
};

}  // namespace

ByteAutomaton::ByteAutomaton(const ByteNfa& nfa, ByteNfa::State start, ByteNfa::State accept, AutomatonBudget& budget) {
  AutomatonBuilder builder;
  std::unordered_map<StateSet, State, HashOfSet> known;  // by hash: an order would compare long sets many times
  std::vector<const StateSet*> sets;                     // keys of `known`, by state
  std::vector<std::uint32_t> seen(nfa.nodes_.size(), 0);
  std::uint32_t round = 0;
  const auto name_of = [&](StateSet set) {
    ++round;
    for (const auto s : set) seen[static_cast<std::size_t>(s)] = round;
    for (std::size_t i = 0; i < set.size(); ++i) {
      for (const auto next : nfa.nodes_[static_cast<std::size_t>(set[i])].empties) {
        budget.spend_work(1);
        if (std::exchange(seen[static_cast<std::size_t>(next)], round) != round) set.push_back(next);
      }
    }
    std::sort(set.begin(), set.end());
    budget.spend_work(static_cast<std::int64_t>(set.size()));
    const auto [at, fresh] = known.emplace(std::move(set), static_cast<State>(sets.size()));
    if (fresh) {
      budget.spend_states(1);
      sets.push_back(&at->first);
      builder.nodes.push_back({.accept = std::binary_search(at->first.begin(), at->first.end(), accept)});
    }
    return at->second;
  };
  (void)name_of({start});
  for (std::size_t s = 0; s < sets.size(); ++s) {
    std::vector<ByteNfa::Edge> out;
    std::vector<int> borders;  // where an interval begins
    for (const auto member : *sets[s]) {
      for (const auto& edge : nfa.nodes_[static_cast<std::size_t>(member)].edges) {
        out.push_back(edge);
        borders.push_back(edge.low);
        borders.push_back(edge.high + 1);
      }
    }
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.low < b.low; });
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
      StateSet to;
      for (const auto& edge : out) {
        if (edge.low > borders[i]) break;
        budget.spend_work(1);
        if (edge.high >= borders[i]) to.push_back(edge.to);
      }
      if (to.empty()) continue;
      std::sort(to.begin(), to.end());
      to.erase(std::unique(to.begin(), to.end()), to.end());
      const State target = name_of(std::move(to));
      AutomatonBuilder::add(builder.nodes[s].edges, {.low = static_cast<std::uint8_t>(borders[i]),
                                                     .high = static_cast<std::uint8_t>(borders[i + 1] - 1),
                                                     .to = target});
    }
  }
  *this = builder.finish();
}

ByteAutomaton ByteAutomaton::of_literals(std::vector<std::string> literals, AutomatonBudget& budget) {
  std::sort(literals.begin(), literals.end());
  AutomatonBuilder builder;
  builder.nodes.emplace_back();
  for (const std::string& literal : literals) {
    std::size_t at = 0;
    for (const char c : literal) {
      const auto byte = static_cast<std::uint8_t>(c);
      // In sorted order a text continues the last branch or opens one after it.
      const auto& edges = builder.nodes[at].edges;
      if (edges.empty() || edges.back().low != byte) {
        budget.spend_states(1);
        const auto fresh = static_cast<State>(builder.nodes.size());
        builder.nodes[at].edges.push_back({.low = byte, .high = byte, .to = fresh});
        builder.nodes.emplace_back();
      }
      at = static_cast<std::size_t>(builder.nodes[at].edges.back().to);
    }
    builder.nodes[at].accept = true;
  }
  return builder.finish();
}

ByteAutomaton ByteAutomaton::intersection(const ByteAutomaton& a, const ByteAutomaton& b, AutomatonBudget& budget) {
  if (a.empty() || b.empty()) return {};
  AutomatonBuilder builder;
  std::map<std::pair<State, State>, State> known;
  std::vector<std::pair<State, State>> pairs;
  const auto name_of = [&](State left, State right) {
    const auto [at, fresh] = known.emplace(std::pair(left, right), static_cast<State>(pairs.size()));
    if (fresh) {
      budget.spend_states(1);
      pairs.emplace_back(left, right);
      builder.nodes.push_back({.accept = a.accepts(left) && b.accepts(right)});
    }
    return at->second;
  };
  (void)name_of(a.start(), b.start());
  for (std::size_t s = 0; s < pairs.size(); ++s) {
    const auto [left, right] = pairs[s];
    std::size_t i = a.first_edge(left), j = b.first_edge(right);
    while (i < a.end_edge(left) && j < b.end_edge(right)) {
      budget.spend_work(1);
      const Edge &x = a.edges_[i], &y = b.edges_[j];
      const auto low = std::max(x.low, y.low), high = std::min(x.high, y.high);
      if (low <= high) {
        const State target = name_of(x.to, y.to);
        AutomatonBuilder::add(builder.nodes[s].edges, {.low = low, .high = high, .to = target});
      }
      (x.high < y.high ? i : j) += 1;
    }
  }
  return builder.finish();
}

ByteAutomaton::State ByteAutomaton::step(State state, std::uint8_t byte) const {
  const auto begin = edges_.begin() + static_cast<std::ptrdiff_t>(first_edge(state));
  const auto end = edges_.begin() + static_cast<std::ptrdiff_t>(end_edge(state));
  const auto edge = std::lower_bound(begin, end, byte, [](const Edge& e, std::uint8_t b) { return e.high < b; });
  return edge != end && edge->low <= byte ? edge->to : kDead;
}

bool ByteAutomaton::is_last(State state) const {
  return accepts(state) && first_edge(state) == end_edge(state);
}

std::string ByteAutomaton::shortest(State state) const {
  std::string out;
  while (!accepts(state)) {
    const Edge* best = nullptr;
    const auto rank = [&](const Edge& e) {  // nearer first, then a printable byte
      return std::pair(distance_[static_cast<std::size_t>(e.to)], e.high < 0x20 || e.low > 0x7E);
    };
    for (std::size_t i = first_edge(state); i < end_edge(state); ++i) {
      if (best == nullptr || rank(edges_[i]) < rank(*best)) best = &edges_[i];
    }
    require(best != nullptr, "every state leads to an accepting one");
    const bool printable = best->high >= 0x20 && best->low <= 0x7E;
    out += static_cast<char>(printable ? std::max<std::uint8_t>(best->low, 0x20) : best->low);
    state = best->to;
  }
  return out;
}

}  // namespace faqsmith
