// Finite automata over bytes: a nondeterministic one to build with, a deterministic one to walk (one step a byte).
// Every construction draws on a budget, so that no pattern costs more time or memory than stated.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// What all automata of one grammar may cost together.
struct AutomatonLimits {
  std::int64_t states = 200'000;    // of all deterministic automata
  std::int64_t work = 10'000'000;   // transitions looked at while they are built
  std::int64_t building = 200'000;  // states of one nondeterministic automaton
};

// Throws Error(User) that begins with `place` when a limit is passed.
struct AutomatonBudget {
  AutomatonLimits limits = {};
  std::string place = {};             // what is being compiled: begins the error's sentence
  std::int64_t states = 0, work = 0;  // spent

  void spend_states(std::int64_t n);
  void spend_work(std::int64_t n);
};

class ByteNfa {
 public:
  using State = std::int32_t;
  explicit ByteNfa(AutomatonBudget& budget) : budget_(budget) {}  // keeps the reference

  [[nodiscard]] State add_state();
  void add_edge(State from, std::uint8_t low, std::uint8_t high, State to);  // any byte of [low, high]
  void add_empty(State from, State to);
  void add_text(State from, std::string_view text, State to);

 private:
  friend class ByteAutomaton;
  struct Edge {
    std::uint8_t low, high;
    State to;
  };
  struct Node {
    std::vector<Edge> edges;
    std::vector<State> empties;
  };
  AutomatonBudget& budget_;
  std::vector<Node> nodes_;
};

// Deterministic; every state leads to an accepting one. Immutable.
class ByteAutomaton {
 public:
  using State = std::int32_t;
  static constexpr State kDead = -1;

  ByteAutomaton() = default;  // accepts nothing
  ByteAutomaton(const ByteNfa& nfa, ByteNfa::State start, ByteNfa::State accept, AutomatonBudget& budget);
  // Exactly these texts; they need not be sorted or distinct.
  [[nodiscard]] static ByteAutomaton of_literals(std::vector<std::string> literals, AutomatonBudget& budget);
  [[nodiscard]] static ByteAutomaton intersection(const ByteAutomaton& a, const ByteAutomaton& b,
                                                  AutomatonBudget& budget);

  [[nodiscard]] bool empty() const { return accept_.empty(); }  // no text is accepted; there is no state
  [[nodiscard]] State start() const { return 0; }
  [[nodiscard]] State step(State state, std::uint8_t byte) const;  // kDead if the byte may not follow
  [[nodiscard]] bool accepts(State state) const { return accept_[static_cast<std::size_t>(state)]; }
  [[nodiscard]] bool is_last(State state) const;  // accepts, and nothing may follow
  // The shortest bytes from here to an accepting state; among equals the first in byte order, printable if possible.
  [[nodiscard]] std::string shortest(State state) const;
  [[nodiscard]] std::int64_t shortest_size(State state) const { return distance_[static_cast<std::size_t>(state)]; }

 private:
  struct Edge {
    std::uint8_t low = 0, high = 0;
    State to = kDead;
  };
  friend struct AutomatonBuilder;
  [[nodiscard]] std::size_t first_edge(State state) const { return begin_[static_cast<std::size_t>(state)]; }
  [[nodiscard]] std::size_t end_edge(State state) const { return begin_[static_cast<std::size_t>(state) + 1]; }

  std::vector<Edge> edges_;               // of all states, in state order, by low byte
  std::vector<std::size_t> begin_ = {0};  // [n_states + 1], into edges_
  std::vector<bool> accept_;              // [n_states]
  std::vector<std::int32_t> distance_;    // [n_states], bytes to the nearest accepting state
};

}  // namespace faqsmith
