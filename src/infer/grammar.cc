// The byte automaton: one frame for each open value; each byte changes the top frame, ends it or is refused.
#include "infer/grammar.h"

#include <algorithm>

#include "base/error.h"

namespace faqsmith {
namespace {

bool is_digit(std::uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

int hex_value(std::uint8_t byte) {
  if (is_digit(byte)) return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

// texts[c] agrees with texts[choice] on the first `position` bytes.
template <class Text>
bool shares_prefix(const Text& a, const Text& b, std::int32_t position) {
  return std::string_view(a).substr(0, static_cast<std::size_t>(position)) ==
         std::string_view(b).substr(0, static_cast<std::size_t>(position));
}

}  // namespace

GrammarState::GrammarState(const Grammar& grammar) : grammar_(&grammar), stack_{} {
  push(grammar.root_);
}

const Grammar::Node& GrammarState::node_of(const Frame& frame) const {
  return grammar_->nodes_[static_cast<std::size_t>(frame.node)];
}

void GrammarState::push(int node) {
  require(depth_ < Grammar::kMaxDepth, "a grammar is no deeper than kMaxDepth");
  stack_[static_cast<std::size_t>(depth_++)] = Frame{.node = static_cast<std::int16_t>(node)};
}

void GrammarState::pop() {
  --depth_;
}

bool GrammarState::advance(std::string_view bytes) {
  for (char c : bytes) {
    if (!advance_byte(static_cast<std::uint8_t>(c))) return false;
  }
  return true;
}

bool GrammarState::advance_byte(std::uint8_t byte) {
  while (depth_ > 0) {
    const Outcome outcome = advance_top(byte);
    if (outcome != Outcome::EndedBefore) return outcome == Outcome::Taken;
    pop();  // a number or literal ended without a mark of its own: the byte belongs to its parent
  }
  return false;
}

GrammarState::Outcome GrammarState::advance_top(std::uint8_t byte) {
  Frame& frame = stack_[static_cast<std::size_t>(depth_ - 1)];
  if (frame.step == Step::ValueStart) return start_value(frame, byte);
  switch (node_of(frame).kind) {
    case Grammar::NodeKind::Object:
      return advance_object(frame, byte);
    case Grammar::NodeKind::Array:
      return advance_array(frame, byte);
    case Grammar::NodeKind::String:
      return advance_string(frame, byte);
    case Grammar::NodeKind::Integer:
    case Grammar::NodeKind::Number:
      return advance_number(frame, byte);
    case Grammar::NodeKind::Choice:
      return advance_choice(frame, byte);
  }
  return Outcome::Refused;
}

GrammarState::Outcome GrammarState::start_value(Frame& frame, std::uint8_t byte) {
  const auto opens = [&](char mark, Step next) {
    if (byte != mark) return Outcome::Refused;
    frame.step = next;
    return Outcome::Taken;
  };
  switch (node_of(frame).kind) {
    case Grammar::NodeKind::Object:
      return opens('{', Step::KeyStart);
    case Grammar::NodeKind::Array:
      return opens('[', Step::KeyStart);
    case Grammar::NodeKind::String:
      return opens('"', Step::Text);
    case Grammar::NodeKind::Choice:
      frame.step = Step::Literal;
      return advance_choice(frame, byte);
    case Grammar::NodeKind::Integer:
    case Grammar::NodeKind::Number:
      break;
  }
  if (byte == '-') return opens('-', Step::Minus);
  if (byte == '0') return opens('0', Step::Zero);
  if (!is_digit(byte)) return Outcome::Refused;
  frame.step = Step::Digits;
  frame.need = 1;
  return Outcome::Taken;
}

// Keys come in the schema's order and optional ones may be left out: the first required one ends the choice.
int GrammarState::last_candidate_property(const Grammar::Node& node, int first) const {
  const int n = static_cast<int>(node.properties.size());
  for (int p = first; p < n; ++p) {
    if (node.properties[static_cast<std::size_t>(p)].required) return p;
  }
  return n - 1;
}

GrammarState::Outcome GrammarState::advance_key(Frame& frame, std::uint8_t byte) {
  const auto& properties = node_of(frame).properties;
  const int last = last_candidate_property(node_of(frame), static_cast<int>(frame.count));
  const std::string& so_far = properties[static_cast<std::size_t>(frame.choice)].key;
  for (int c = frame.choice; c <= last; ++c) {
    const std::string& key = properties[static_cast<std::size_t>(c)].key;
    const auto position = static_cast<std::size_t>(frame.position);
    if (!shares_prefix(key, so_far, frame.position) || static_cast<std::uint8_t>(key[position]) != byte) continue;
    frame.choice = static_cast<std::int16_t>(c);
    ++frame.position;
    frame.step = position + 1 == key.size() ? Step::Colon : Step::Key;
    return Outcome::Taken;
  }
  return Outcome::Refused;
}

GrammarState::Outcome GrammarState::advance_object(Frame& frame, std::uint8_t byte) {
  const auto& properties = node_of(frame).properties;
  const auto n = static_cast<std::int64_t>(properties.size());
  const auto may_close = [&] {
    const int last = last_candidate_property(node_of(frame), static_cast<int>(frame.count));
    return frame.count >= n || !properties[static_cast<std::size_t>(last)].required;
  };
  switch (frame.step) {
    case Step::KeyStart:
      if (byte == '}' && may_close()) return pop(), Outcome::Taken;
      [[fallthrough]];
    case Step::AfterComma:
      if (byte == ' ' && frame.step == Step::AfterComma && frame.need == 0) return frame.need = 1, Outcome::Taken;
      if (frame.count >= n) return Outcome::Refused;
      frame.choice = static_cast<std::int16_t>(frame.count);
      frame.position = 0;
      return advance_key(frame, byte);
    case Step::Key:
      return advance_key(frame, byte);
    case Step::Colon:
      if (byte != ':') return Outcome::Refused;
      frame.step = Step::AfterColon;
      frame.need = 0;
      return Outcome::Taken;
    case Step::AfterColon:
      if (byte == ' ' && frame.need == 0) return frame.need = 1, Outcome::Taken;
      frame.step = Step::AfterValue;
      frame.count = frame.choice + 1;
      push(properties[static_cast<std::size_t>(frame.choice)].node);
      return advance_top(byte);
    case Step::AfterValue:
      if (byte == '}' && may_close()) return pop(), Outcome::Taken;
      if (byte != ',' || frame.count >= n) return Outcome::Refused;
      frame.step = Step::AfterComma;
      frame.need = 0;
      return Outcome::Taken;
    default:
      return Outcome::Refused;
  }
}

GrammarState::Outcome GrammarState::advance_array(Frame& frame, std::uint8_t byte) {
  const auto& node = node_of(frame);
  if (byte == ']' && frame.step != Step::AfterComma && frame.count >= node.min_count) return pop(), Outcome::Taken;
  if (frame.step == Step::AfterValue) {
    if (byte != ',' || frame.count >= node.max_count) return Outcome::Refused;
    frame.step = Step::AfterComma;
    frame.need = 0;
    return Outcome::Taken;
  }
  if (byte == ' ' && frame.step == Step::AfterComma && frame.need == 0) return frame.need = 1, Outcome::Taken;
  if (frame.count >= node.max_count) return Outcome::Refused;
  frame.step = Step::AfterValue;
  ++frame.count;
  push(node.item);
  return advance_top(byte);
}

GrammarState::Outcome GrammarState::advance_string(Frame& frame, std::uint8_t byte) {
  switch (frame.step) {
    case Step::Text:
      return advance_text(frame, byte);
    case Step::Escape: {
      const bool known = std::string_view("\"\\/bfnrtu").find(static_cast<char>(byte)) != std::string_view::npos;
      if (!known) return Outcome::Refused;
      frame.step = byte == 'u' ? Step::Hex : Step::Text;
      frame.need = 4;
      frame.position = 0;  // the code unit so far
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
GrammarState::Outcome GrammarState::advance_text(Frame& frame, std::uint8_t byte) {
  const auto& node = node_of(frame);
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

GrammarState::Outcome GrammarState::advance_number(Frame& frame, std::uint8_t byte) {
  const bool decimal = node_of(frame).kind == Grammar::NodeKind::Number;
  const auto go = [&](Step step, int digits) {
    frame.step = step;
    frame.need = static_cast<std::uint8_t>(digits);
    return Outcome::Taken;
  };
  const bool room = frame.need < Grammar::kMaxNumberDigits;
  switch (frame.step) {
    case Step::Minus:
      if (!is_digit(byte)) return Outcome::Refused;
      return byte == '0' ? go(Step::Zero, 1) : go(Step::Digits, 1);
    case Step::Digits:
      if (is_digit(byte)) return room ? go(Step::Digits, frame.need + 1) : Outcome::Refused;
      [[fallthrough]];
    case Step::Zero:
      if (byte == '.' && decimal) return go(Step::Point, 0);
      return Outcome::EndedBefore;
    case Step::Point:
      return is_digit(byte) ? go(Step::Fraction, 1) : Outcome::Refused;
    case Step::Fraction:
      if (is_digit(byte)) return room ? go(Step::Fraction, frame.need + 1) : Outcome::Refused;
      return Outcome::EndedBefore;
    default:
      return Outcome::Refused;
  }
}

GrammarState::Outcome GrammarState::advance_choice(Frame& frame, std::uint8_t byte) {
  const auto& literals = node_of(frame).literals;
  const std::string& so_far = literals[static_cast<std::size_t>(frame.choice)];
  const auto position = static_cast<std::size_t>(frame.position);
  for (std::size_t c = static_cast<std::size_t>(frame.choice); c < literals.size(); ++c) {
    const std::string& literal = literals[c];
    if (literal.size() <= position || static_cast<std::uint8_t>(literal[position]) != byte) continue;
    if (!shares_prefix(literal, so_far, frame.position)) continue;
    frame.choice = static_cast<std::int16_t>(c);
    ++frame.position;
    // Numbers wait for what follows; every other literal ends with its last byte.
    const bool number = literal[0] == '-' || is_digit(static_cast<std::uint8_t>(literal[0]));
    if (!number && position + 1 == literal.size()) pop();
    return Outcome::Taken;
  }
  return ends_here(frame) ? Outcome::EndedBefore : Outcome::Refused;
}

bool GrammarState::ends_here(const Frame& frame) const {
  if (frame.step == Step::Zero || frame.step == Step::Digits || frame.step == Step::Fraction) return true;
  if (frame.step != Step::Literal) return false;
  const auto& literals = node_of(frame).literals;
  const std::string& so_far = literals[static_cast<std::size_t>(frame.choice)];
  return std::any_of(literals.begin(), literals.end(), [&](const std::string& literal) {
    return literal.size() == static_cast<std::size_t>(frame.position) && shares_prefix(literal, so_far, frame.position);
  });
}

bool GrammarState::may_end() const {
  return depth_ == 0 || (depth_ == 1 && ends_here(stack_[0]));
}

bool GrammarState::must_end() const {
  return depth_ == 0;
}

std::string GrammarState::closing() const {
  std::string out;
  for (int d = depth_ - 1; d >= 0; --d) close_frame(stack_[static_cast<std::size_t>(d)], out);
  return out;
}

void GrammarState::close_frame(const Frame& frame, std::string& out) const {
  const auto& node = node_of(frame);
  const auto filler = [&] { return static_cast<std::size_t>(std::max<std::int64_t>(0, node.min_count - frame.count)); };
  if (frame.step == Step::ValueStart) {
    out += node.shortest;
    return;
  }
  switch (node.kind) {
    case Grammar::NodeKind::Object:
      return close_object(frame, out);
    case Grammar::NodeKind::Array: {
      const bool after_comma = frame.step == Step::AfterComma;
      const std::size_t items = std::max(filler(), static_cast<std::size_t>(after_comma ? 1 : 0));
      for (std::size_t i = 0; i < items; ++i) {
        if (i > 0 || frame.step == Step::AfterValue) out += ',';
        out += grammar_->nodes_[static_cast<std::size_t>(node.item)].shortest;
      }
      out += ']';
      return;
    }
    case Grammar::NodeKind::String:
      if (frame.step == Step::Escape) out += 'n';
      if (frame.step == Step::Hex) out.append(frame.need, '2');  // no surrogate, no NUL
      if (frame.step == Step::Utf8) {
        out += static_cast<char>(frame.low);
        out.append(frame.need - 1u, static_cast<char>(0x80));
      }
      out.append(filler(), '.');
      out += '"';
      return;
    case Grammar::NodeKind::Integer:
    case Grammar::NodeKind::Number:
      if (frame.step == Step::Minus || frame.step == Step::Point) out += '0';
      return;
    case Grammar::NodeKind::Choice:
      break;
  }
  const std::string& so_far = node.literals[static_cast<std::size_t>(frame.choice)];
  const std::string* best = nullptr;
  for (const auto& literal : node.literals) {
    if (literal.size() < static_cast<std::size_t>(frame.position) || !shares_prefix(literal, so_far, frame.position))
      continue;
    if (!best || literal.size() < best->size()) best = &literal;
  }
  if (best) out += best->substr(static_cast<std::size_t>(frame.position));
}

void GrammarState::close_object(const Frame& frame, std::string& out) const {
  const auto& properties = node_of(frame).properties;
  const int n = static_cast<int>(properties.size());
  const auto shortest = [&](int p) -> const std::string& {
    return grammar_->nodes_[static_cast<std::size_t>(properties[static_cast<std::size_t>(p)].node)].shortest;
  };
  int next = static_cast<int>(frame.count);
  bool comma = frame.step == Step::AfterValue;
  if (frame.step == Step::Key || frame.step == Step::Colon || frame.step == Step::AfterColon) {
    const std::string& key = properties[static_cast<std::size_t>(frame.choice)].key;
    if (frame.step == Step::Key) out += key.substr(static_cast<std::size_t>(frame.position));
    if (frame.step != Step::AfterColon) out += ':';
    out += shortest(frame.choice);
    next = frame.choice + 1;
    comma = true;
  } else if (frame.step == Step::AfterComma) {  // a comma must be followed by a key, required or not
    const int last = last_candidate_property(node_of(frame), next);
    const int chosen = properties[static_cast<std::size_t>(last)].required ? last : next;
    out += properties[static_cast<std::size_t>(chosen)].key + ':' + shortest(chosen);
    next = chosen + 1;
    comma = true;
  }
  for (int p = next; p < n; ++p) {
    if (!properties[static_cast<std::size_t>(p)].required) continue;
    if (comma) out += ',';
    out += properties[static_cast<std::size_t>(p)].key + ':' + shortest(p);
    comma = true;
  }
  out += '}';
}

}  // namespace faqsmith
