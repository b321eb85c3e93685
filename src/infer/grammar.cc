// All readings of a text side by side; almost always there is one.
#include "infer/grammar.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "infer/regex.h"

namespace faqsmith {

Grammar Grammar::of_regex(std::string_view pattern, const AutomatonLimits& limits) {
  AutomatonBudget budget{.limits = limits, .place = "regular expression"};
  const Regex regex = parse_regex(pattern, budget.place);
  ByteNfa nfa(budget);
  const auto from = nfa.add_state(), to = nfa.add_state();
  add_regex(nfa, regex, RegexText::Plain, RegexMatch::Whole, from, to);
  Grammar out;
  GrammarNode node{.kind = GrammarNode::Kind::Automaton, .automaton = ByteAutomaton(nfa, from, to, budget)};
  require(!node.automaton.empty(), "a pattern whose classes are not empty matches something");
  node.shortest_size = node.automaton.shortest_size(node.automaton.start());
  node.shortest_depth = 1;
  out.nodes_.push_back(std::move(node));
  return out;
}

// Recursion is bounded by shortest_depth, which is at most kMaxDepth.
void Grammar::write_shortest(int index, std::string& out) const {
  const GrammarNode& value = node(index);
  switch (value.kind) {
    case GrammarNode::Kind::AnyOf:
      return write_shortest(value.shortest_branch, out);
    case GrammarNode::Kind::Automaton:
      out += value.automaton.shortest(value.automaton.start());
      return;
    case GrammarNode::Kind::String:
      out += '"' + std::string(static_cast<std::size_t>(value.min_count), '.') + '"';
      return;
    case GrammarNode::Kind::Array:
      out += '[';
      for (std::int64_t i = 0; i < value.min_count; ++i) {
        if (i > 0) out += ',';
        write_shortest(value.item, out);
      }
      out += ']';
      return;
    case GrammarNode::Kind::Object:
      break;
  }
  out += '{';
  bool comma = false;
  for (const auto& property : value.properties) {
    if (!property.required) continue;
    if (comma) out += ',';
    out += property.key + ':';
    write_shortest(property.node, out);
    comma = true;
  }
  out += '}';
}

GrammarState::GrammarState(const Grammar& grammar) : grammar_(&grammar), threads_(1, GrammarThread(grammar)) {}

bool GrammarState::advance(std::string_view bytes) {
  for (const char c : bytes) {
    if (!advance_byte(static_cast<std::uint8_t>(c))) return false;
  }
  return true;
}

void GrammarState::fork(const GrammarThread& thread, std::uint8_t byte, std::vector<GrammarThread>& out) const {
  for (const int branch : thread.fork_branches(*grammar_)) {
    if (out.size() >= static_cast<std::size_t>(Grammar::kMaxThreads)) return;
    GrammarThread copy = thread;
    if (!copy.fork(*grammar_, branch) || copy.take(*grammar_, byte) != GrammarThread::Outcome::Taken) continue;
    if (std::find(out.begin(), out.end(), copy) == out.end()) out.push_back(copy);
  }
}

bool GrammarState::advance_byte(std::uint8_t byte) {
  std::vector<GrammarThread> next;
  std::size_t kept = 0;
  for (GrammarThread& thread : threads_) {
    const auto outcome = thread.take(*grammar_, byte);
    if (outcome == GrammarThread::Outcome::Forks) fork(thread, byte, next);
    if (outcome != GrammarThread::Outcome::Taken) continue;
    if (kept > 0 && std::find(threads_.begin(), threads_.begin() + static_cast<std::ptrdiff_t>(kept), thread) !=
                        threads_.begin() + static_cast<std::ptrdiff_t>(kept)) {
      continue;  // two readings that go on alike are one
    }
    if (&thread != &threads_[kept]) threads_[kept] = thread;
    ++kept;
  }
  threads_.erase(threads_.begin() + static_cast<std::ptrdiff_t>(kept), threads_.end());
  for (const GrammarThread& thread : next) {
    if (threads_.size() >= static_cast<std::size_t>(Grammar::kMaxThreads)) break;
    threads_.push_back(thread);
  }
  return !threads_.empty();
}

bool GrammarState::may_end() const {
  return std::any_of(threads_.begin(), threads_.end(), [&](const auto& thread) { return thread.may_end(*grammar_); });
}

bool GrammarState::must_end() const {
  return std::all_of(threads_.begin(), threads_.end(), [](const auto& thread) { return thread.ended(); });
}

std::string GrammarState::closing() const {
  if (may_end()) return "";
  std::optional<std::string> best;
  for (const GrammarThread& thread : threads_) {
    std::string rest;
    thread.close(*grammar_, rest);
    if (!best || rest.size() < best->size()) best = std::move(rest);
  }
  return best.value_or("");
}

}  // namespace faqsmith
