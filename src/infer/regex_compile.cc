// Thompson's construction; a set of characters becomes sequences of byte ranges (UTF-8's own order makes them few).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "infer/regex.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

using State = ByteNfa::State;

std::uint8_t byte_of(const std::string& text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

// Characters of one encoded length whose encodings differ only in one run of bytes: add(low, high) for each such part.
template <class Add>
void split_range(char32_t low, char32_t high, Add add) {
  constexpr std::array<char32_t, 4> kLengthEnds = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
  for (const char32_t end : kLengthEnds) {
    if (low <= end && high > end) {
      split_range(low, end, add);
      split_range(end + 1, high, add);
      return;
    }
  }
  if (high > 0x7F) {
    for (int bits = 6; bits <= 18; bits += 6) {  // a part covers whole blocks of its trailing bytes
      const char32_t mask = (char32_t{1} << bits) - 1;
      if ((low & ~mask) == (high & ~mask)) continue;
      if ((low & mask) != 0) {
        split_range(low, low | mask, add);
        split_range((low | mask) + 1, high, add);
        return;
      }
      if ((high & mask) != mask) {
        split_range(low, (high & ~mask) - 1, add);
        split_range(high & ~mask, high, add);
        return;
      }
    }
  }
  add(low, high);
}

void add_plain_range(ByteNfa& nfa, char32_t low, char32_t high, State from, State to) {
  split_range(low, high, [&](char32_t first, char32_t last) {
    std::string a, b;
    append_utf8(a, first);
    append_utf8(b, last);
    State at = from;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const State next = i + 1 == a.size() ? to : nfa.add_state();
      nfa.add_edge(at, byte_of(a, i), byte_of(b, i), next);
      at = next;
    }
  });
}

// How a JSON string writes a character that cannot stand there as it is; empty for the others.
std::string json_escape(char32_t c) {
  constexpr std::string_view kPlain = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
  const auto at = c < 0x80 ? kPlain.find(static_cast<char>(c)) : std::string_view::npos;
  if (at != std::string_view::npos) return {'\\', kLetters[at]};
  return c < 0x20 ? fmt::format("\\u{:04x}", static_cast<unsigned>(c)) : "";
}

void add_set(ByteNfa& nfa, const CharacterSet& set, RegexText text, State from, State to) {
  constexpr std::array<CodeRange, 3> kUnescaped = {{{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}}};
  for (const CodeRange& range : set) {
    if (text == RegexText::Plain) {
      add_plain_range(nfa, range.low, range.high, from, to);
      continue;
    }
    for (char32_t c = range.low; c <= std::min<char32_t>(range.high, '\\'); ++c) {
      if (const std::string escape = json_escape(c); !escape.empty()) nfa.add_text(from, escape, to);
    }
    for (const CodeRange& plain : kUnescaped) {
      const char32_t low = std::max(range.low, plain.low), high = std::min(range.high, plain.high);
      if (low <= high) add_plain_range(nfa, low, high, from, to);
    }
  }
}

struct Construction {
  ByteNfa& nfa;
  const Regex& regex;
  RegexText text;

  void add(int index, State from, State to) {
    const Regex::Node& node = regex.nodes[static_cast<std::size_t>(index)];
    switch (node.kind) {
      case Regex::Kind::Set:
        return add_set(nfa, node.set, text, from, to);
      case Regex::Kind::Sequence: {
        for (const int child : node.children) {
          const State next = nfa.add_state();
          add(child, from, next);
          from = next;
        }
        return nfa.add_empty(from, to);
      }
      case Regex::Kind::Choice:
        for (const int child : node.children) add(child, from, to);
        return;
      case Regex::Kind::Repeat:
        return repeat(node.children[0], node.least, node.most, from, to);
    }
  }

  // A state of its own for each round, so that loops stay inside and every round costs.
  void repeat(int child, int least, int most, State from, State to) {
    State at = nfa.add_state();
    nfa.add_empty(from, at);
    for (int i = 0; i < (most == Regex::kUnbounded ? least : most); ++i) {
      if (i >= least) nfa.add_empty(at, to);
      const State next = nfa.add_state();
      add(child, at, next);
      at = next;
    }
    nfa.add_empty(at, to);
    if (most != Regex::kUnbounded) return;
    const State again = nfa.add_state();
    add(child, at, again);
    nfa.add_empty(again, at);
  }
};

const CharacterSet kAnyCharacter = {{0, 0xD7FF}, {0xE000, 0x10FFFF}};

// A state in which any text may be read.
State add_any_loop(ByteNfa& nfa, RegexText text) {
  const State loop = nfa.add_state();
  add_set(nfa, kAnyCharacter, text, loop, loop);
  return loop;
}

}  // namespace

void add_regex(ByteNfa& nfa, const Regex& regex, RegexText text, RegexMatch match, State from, State to) {
  Construction construction{nfa, regex, text};
  for (const Regex::Alternative& alternative : regex.alternatives) {
    State begin = nfa.add_state(), end = nfa.add_state();
    nfa.add_empty(from, begin);
    if (match == RegexMatch::Anywhere && !alternative.from_start) {
      const State loop = add_any_loop(nfa, text);
      nfa.add_empty(begin, loop);
      begin = loop;
    }
    construction.add(alternative.node, begin, end);
    if (match == RegexMatch::Anywhere && !alternative.to_end) {
      const State loop = add_any_loop(nfa, text);
      nfa.add_empty(end, loop);
      end = loop;
    }
    nfa.add_empty(end, to);
  }
}

void add_any_text(ByteNfa& nfa, RegexText text, std::int64_t least, std::int64_t most, State from, State to) {
  for (std::int64_t i = 0; i < (most == Regex::kUnbounded ? least : most); ++i) {
    if (i >= least) nfa.add_empty(from, to);
    const State next = nfa.add_state();
    add_set(nfa, kAnyCharacter, text, from, next);
    from = next;
  }
  nfa.add_empty(from, to);
  if (most != Regex::kUnbounded) return;
  const State loop = add_any_loop(nfa, text);
  nfa.add_empty(from, loop);
  nfa.add_empty(loop, to);
}

}  // namespace faqsmith
