// The pushdown automaton: each byte changes the top frame, ends it or is refused.
#include <algorithm>

#include "base/error.h"
#include "infer/grammar.h"

namespace faqsmith {
namespace {

int hex_value(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

bool shares_prefix(std::string_view a, std::string_view b, std::int32_t position) {
  return a.substr(0, static_cast<std::size_t>(position)) == b.substr(0, static_cast<std::size_t>(position));
}

}  // namespace

GrammarThread& GrammarThread::operator=(const GrammarThread& other) {
  std::copy_n(other.stack_.begin(), other.depth_, stack_.begin());
  depth_ = other.depth_;
  return *this;
}

bool GrammarThread::operator==(const GrammarThread& other) const {
  return depth_ == other.depth_ && std::equal(stack_.begin(), stack_.begin() + depth_, other.stack_.begin());
}

void GrammarThread::push(const Grammar& grammar, int node) {
  require(depth_ < Grammar::kMaxDepth, "values nest no deeper than kMaxDepth");
  const GrammarNode& value = grammar.node(node);
  ++depth_;
  top() = Frame{.node = static_cast<std::int32_t>(node)};
  if (value.kind != GrammarNode::Kind::Automaton) return;
  top().step = Step::Walking;
  top().position = value.automaton.start();
  if (value.automaton.is_last(value.automaton.start())) pop();  // only the empty text fits
}

bool GrammarThread::fits(const Grammar& grammar, int node, int parent_depth) {
  return parent_depth + grammar.node(node).shortest_depth <= Grammar::kMaxDepth;
}

GrammarThread::Outcome GrammarThread::take(const Grammar& grammar, std::uint8_t byte) {
  while (depth_ > 0) {
    const Outcome outcome = take_top(grammar, byte);
    if (outcome != Outcome::EndedBefore) return outcome;
    pop();  // a number ended without a mark of its own: the byte belongs to its parent
  }
  return Outcome::Refused;
}

const std::vector<int>& GrammarThread::fork_branches(const Grammar& grammar) const {
  return grammar.node(top().node).branches;
}

bool GrammarThread::fork(const Grammar& grammar, int branch) {
  pop();
  if (!fits(grammar, branch, depth_)) return false;
  push(grammar, branch);
  return true;
}

GrammarThread::Outcome GrammarThread::take_top(const Grammar& grammar, std::uint8_t byte) {
  Frame& frame = top();
  if (frame.step == Step::ValueStart) return start_value(grammar, frame, byte);
  switch (grammar.node(frame.node).kind) {
    case GrammarNode::Kind::Object:
      return take_object(grammar, frame, byte);
    case GrammarNode::Kind::Array:
      return take_array(grammar, frame, byte);
    case GrammarNode::Kind::String:
      return take_string(grammar, frame, byte);
    case GrammarNode::Kind::Automaton:
      return take_automaton(grammar, frame, byte);
    case GrammarNode::Kind::AnyOf:
      break;
  }
  return Outcome::Refused;
}

GrammarThread::Outcome GrammarThread::start_value(const Grammar& grammar, Frame& frame, std::uint8_t byte) {
  const auto opens = [&](char mark, Step next) {
    if (byte != static_cast<std::uint8_t>(mark)) return Outcome::Refused;
    frame.step = next;
    return Outcome::Taken;
  };
  switch (grammar.node(frame.node).kind) {
    case GrammarNode::Kind::Object:
      return opens('{', Step::KeyStart);
    case GrammarNode::Kind::Array:
      return opens('[', Step::KeyStart);
    case GrammarNode::Kind::String:
      return opens('"', Step::Text);
    case GrammarNode::Kind::AnyOf:
      return Outcome::Forks;
    case GrammarNode::Kind::Automaton:
      break;
  }
  return Outcome::Refused;
}

GrammarThread::Outcome GrammarThread::take_automaton(const Grammar& grammar, Frame& frame, std::uint8_t byte) {
  const ByteAutomaton& automaton = grammar.node(frame.node).automaton;
  const auto next = automaton.step(frame.position, byte);
  if (next == ByteAutomaton::kDead) return automaton.accepts(frame.position) ? Outcome::EndedBefore : Outcome::Refused;
  frame.position = next;
  if (automaton.is_last(next)) pop();
  return Outcome::Taken;
}

int GrammarThread::last_candidate(const GrammarNode& node, int first) {
  const int n = static_cast<int>(node.properties.size());
  for (int p = first; p < n; ++p) {
    if (node.properties[static_cast<std::size_t>(p)].required) return p;
  }
  return n - 1;
}

// -1 if no further property can be written.
int GrammarThread::first_candidate(const Grammar& grammar, const GrammarNode& node, int first, int depth) {
  const int last = last_candidate(node, first);
  for (int p = first; p <= last; ++p) {
    if (fits(grammar, node.properties[static_cast<std::size_t>(p)].node, depth)) return p;
  }
  return -1;
}

bool GrammarThread::may_close(const GrammarNode& node, int first) {
  const int last = last_candidate(node, first);
  return first > last || !node.properties[static_cast<std::size_t>(last)].required;
}

// Keys come in the schema's order and optional ones may be left out: the first required one ends the choice.
GrammarThread::Outcome GrammarThread::take_key(const Grammar& grammar, Frame& frame, std::uint8_t byte) {
  const auto& properties = grammar.node(frame.node).properties;
  const int last = last_candidate(grammar.node(frame.node), static_cast<int>(frame.count));
  const std::string& so_far = properties[static_cast<std::size_t>(frame.choice)].key;
  for (int c = frame.choice; c <= last; ++c) {
    const auto& property = properties[static_cast<std::size_t>(c)];
    const auto position = static_cast<std::size_t>(frame.position);
    if (!shares_prefix(property.key, so_far, frame.position)) continue;
    if (static_cast<std::uint8_t>(property.key[position]) != byte || !fits(grammar, property.node, depth_)) continue;
    frame.choice = c;
    ++frame.position;
    frame.step = position + 1 == property.key.size() ? Step::Colon : Step::Key;
    return Outcome::Taken;
  }
  return Outcome::Refused;
}

GrammarThread::Outcome GrammarThread::take_object(const Grammar& grammar, Frame& frame, std::uint8_t byte) {
  const GrammarNode& node = grammar.node(frame.node);
  const int next = static_cast<int>(frame.count);
  switch (frame.step) {
    case Step::KeyStart:
      if (byte == '}' && may_close(node, next)) return pop(), Outcome::Taken;
      [[fallthrough]];
    case Step::AfterComma:
      if (byte == ' ' && frame.step == Step::AfterComma && frame.need == 0) return frame.need = 1, Outcome::Taken;
      if (next >= static_cast<int>(node.properties.size())) return Outcome::Refused;
      frame.choice = next;
      frame.position = 0;
      return take_key(grammar, frame, byte);
    case Step::Key:
      return take_key(grammar, frame, byte);
    case Step::Colon:
      if (byte != ':') return Outcome::Refused;
      frame.step = Step::AfterColon;
      frame.need = 0;
      return Outcome::Taken;
    case Step::AfterColon:
      if (byte == ' ' && frame.need == 0) return frame.need = 1, Outcome::Taken;
      frame.step = Step::AfterValue;
      frame.count = frame.choice + 1;
      push(grammar, node.properties[static_cast<std::size_t>(frame.choice)].node);
      return take_top(grammar, byte);
    case Step::AfterValue:
      if (byte == '}' && may_close(node, next)) return pop(), Outcome::Taken;
      if (byte != ',' || first_candidate(grammar, node, next, depth_) < 0) return Outcome::Refused;
      frame.step = Step::AfterComma;
      frame.need = 0;
      return Outcome::Taken;
    default:
      return Outcome::Refused;
  }
}

GrammarThread::Outcome GrammarThread::take_array(const Grammar& grammar, Frame& frame, std::uint8_t byte) {
  const GrammarNode& node = grammar.node(frame.node);
  if (byte == ']' && frame.step != Step::AfterComma && frame.count >= node.min_count) return pop(), Outcome::Taken;
  if (frame.count >= node.max_count) return Outcome::Refused;
  if (frame.step == Step::AfterValue) {
    if (byte != ',') return Outcome::Refused;
    frame.step = Step::AfterComma;
    frame.need = 0;
    return Outcome::Taken;
  }
  if (byte == ' ' && frame.step == Step::AfterComma && frame.need == 0) return frame.need = 1, Outcome::Taken;
  if (!fits(grammar, node.item, depth_)) return Outcome::Refused;
  frame.step = Step::AfterValue;
  ++frame.count;
  push(grammar, node.item);
  return take_top(grammar, byte);
}

GrammarThread::Outcome GrammarThread::take_string(const Grammar& grammar, Frame& frame, std::uint8_t byte) {
  switch (frame.step) {
    case Step::Text:
      return take_text(grammar, frame, byte);
    case Step::Escape: {
      const bool known = std::string_view("\"\\/bfnrtu").find(static_cast<char>(byte)) != std::string_view::npos;
      if (!known) return Outcome::Refused;
      frame.step = byte == 'u' ? Step::Hex : Step::Text;
      frame.need = 4;
      frame.position = 0;
      return Outcome::Taken;
    }
    case Step::Hex: {
      const int digit = hex_value(byte);
      const int unit = frame.position * 16 + digit;
      // No surrogates (a lone one does not parse) and no NUL.
      if (digit < 0 || (frame.need == 3 && unit >= 0xD8 && unit <= 0xDF) || (frame.need == 1 && unit == 0)) {
        return Outcome::Refused;
      }
      frame.position = unit;
      if (--frame.need == 0) frame.step = Step::Text;
      return Outcome::Taken;
    }
    case Step::Utf8:
      if (byte < frame.low || byte > frame.high) return Outcome::Refused;
      frame.low = 0x80;
      frame.high = 0xBF;
      if (--frame.need == 0) frame.step = Step::Text;
      return Outcome::Taken;
    default:
      return Outcome::Refused;
  }
}

// Between two characters of a string. UTF-8's well-formed ranges are table 3-7 of the Unicode standard.
GrammarThread::Outcome GrammarThread::take_text(const Grammar& grammar, Frame& frame, std::uint8_t byte) {
  const GrammarNode& node = grammar.node(frame.node);
  if (byte == '"') {
    if (frame.count < node.min_count) return Outcome::Refused;
    return pop(), Outcome::Taken;
  }
  if (frame.count >= node.max_count || byte < 0x20) return Outcome::Refused;
  if (byte >= 0x80 && (byte < 0xC2 || byte > 0xF4)) return Outcome::Refused;
  ++frame.count;
  if (byte == '\\') {
    frame.step = Step::Escape;
  } else if (byte >= 0xC2) {
    frame.step = Step::Utf8;
    frame.need = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    frame.low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    frame.high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
  }
  return Outcome::Taken;
}

bool GrammarThread::may_end(const Grammar& grammar) const {
  if (depth_ == 0) return true;
  return depth_ == 1 && top().step == Step::Walking && grammar.node(top().node).automaton.accepts(top().position);
}

void GrammarThread::close(const Grammar& grammar, std::string& out) const {
  for (int d = depth_; d > 0; --d) close_frame(grammar, stack_[static_cast<std::size_t>(d - 1)], d, out);
}

void GrammarThread::close_frame(const Grammar& grammar, const Frame& frame, int depth, std::string& out) {
  const GrammarNode& node = grammar.node(frame.node);
  const auto filler = [&] { return static_cast<std::size_t>(std::max<std::int64_t>(0, node.min_count - frame.count)); };
  if (frame.step == Step::ValueStart) return grammar.write_shortest(frame.node, out);
  switch (node.kind) {
    case GrammarNode::Kind::Object:
      return close_object(grammar, frame, depth, out);
    case GrammarNode::Kind::Array: {
      const bool after_comma = frame.step == Step::AfterComma;
      const std::size_t items = std::max(filler(), static_cast<std::size_t>(after_comma ? 1 : 0));
      for (std::size_t i = 0; i < items; ++i) {
        if (i > 0 || frame.step == Step::AfterValue) out += ',';
        grammar.write_shortest(node.item, out);
      }
      out += ']';
      return;
    }
    case GrammarNode::Kind::String:
      if (frame.step == Step::Escape) out += 'n';
      if (frame.step == Step::Hex) out.append(frame.need, '2');  // no surrogate, no NUL
      if (frame.step == Step::Utf8) {
        out += static_cast<char>(frame.low);
        out.append(frame.need - 1u, static_cast<char>(0x80));
      }
      out.append(filler(), '.');
      out += '"';
      return;
    case GrammarNode::Kind::Automaton:
      out += node.automaton.shortest(frame.position);
      return;
    case GrammarNode::Kind::AnyOf:
      break;
  }
}

void GrammarThread::close_object(const Grammar& grammar, const Frame& frame, int depth, std::string& out) {
  const GrammarNode& node = grammar.node(frame.node);
  const auto& properties = node.properties;
  int next = static_cast<int>(frame.count);
  bool comma = frame.step == Step::AfterValue;
  const auto write = [&](int p) {
    out += properties[static_cast<std::size_t>(p)].key + ':';
    grammar.write_shortest(properties[static_cast<std::size_t>(p)].node, out);
    next = p + 1;
    comma = true;
  };
  if (frame.step == Step::Key || frame.step == Step::Colon || frame.step == Step::AfterColon) {
    const auto& chosen = properties[static_cast<std::size_t>(frame.choice)];
    if (frame.step == Step::Key) out += chosen.key.substr(static_cast<std::size_t>(frame.position));
    if (frame.step != Step::AfterColon) out += ':';
    grammar.write_shortest(chosen.node, out);
    next = frame.choice + 1;
    comma = true;
  } else if (frame.step == Step::AfterComma) {  // a comma must be followed by a key, required or not
    const int last = last_candidate(node, next);
    write(properties[static_cast<std::size_t>(last)].required ? last : first_candidate(grammar, node, next, depth));
  }
  for (int p = next; p < static_cast<int>(properties.size()); ++p) {
    if (!properties[static_cast<std::size_t>(p)].required) continue;
    if (comma) out += ',';
    write(p);
  }
  out += '}';
}

}  // namespace faqsmith
