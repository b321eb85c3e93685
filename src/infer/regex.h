// Regular expressions of a safe subset, compiled to a byte automaton: linear time, bounded states, no backtracking.
// Subset: literals, . [classes] [^…] \d \D \w \W \s \S, escapes (\t \n \v \f \r \xHH \uHHHH \u{…} and any punctuation),
// groups (…) (?:…) (?<name>…), |, ? * + {m} {m,} {m,n} (lazy forms match the same texts), ^ at the beginning and $ at
// the end of a top-level alternative. Meanings are ECMA-262's (the dialect of JSON Schema), which for \d and \w is
// ASCII; . is any character but a line end. Refused by name: back-references, lookaround, word borders, Unicode
// properties, flags, anchors elsewhere, empty classes, a { that opens no repetition. Text is UTF-8 by characters.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "infer/byte_automaton.h"

namespace faqsmith {

struct CodeRange {
  char32_t low = 0, high = 0;  // both inside
};
using CharacterSet = std::vector<CodeRange>;  // sorted, disjoint, without surrogates

// The syntax tree of a pattern.
struct Regex {
  static constexpr int kUnbounded = -1;
  static constexpr std::size_t kMaxPattern = 20'000;  // bytes
  static constexpr int kMaxGroups = 100;              // groups inside each other
  static constexpr int kMaxRepeat = 2000;

  enum class Kind { Set, Sequence, Choice, Repeat };
  struct Node {
    Kind kind = Kind::Sequence;
    CharacterSet set = {};           // Set
    std::vector<int> children = {};  // Sequence (empty: the empty text), Choice; Repeat: one
    int least = 0, most = kUnbounded;
  };
  struct Alternative {
    int node = 0;
    bool from_start = false, to_end = false;  // it had ^, it had $
  };
  std::vector<Node> nodes;
  std::vector<Alternative> alternatives;  // at least one
};

// Throws Error(User): "PLACE, character 5: lookahead is not supported".
[[nodiscard]] Regex parse_regex(std::string_view pattern, const std::string& place);

enum class RegexText { Plain, JsonString };  // JsonString: between the quotes, in the form that json_text() gives
enum class RegexMatch { Whole, Anywhere };   // Anywhere: only ^ and $ bind it to the ends, as in JSON Schema

// The part of an automaton that matches: from `from` to `to`. Throws Error(User) when the budget is spent.
void add_regex(ByteNfa& nfa, const Regex& regex, RegexText text, RegexMatch match, ByteNfa::State from,
               ByteNfa::State to);
// Any text of at least `least` and at most `most` (kUnbounded) characters.
void add_any_text(ByteNfa& nfa, RegexText text, std::int64_t least, std::int64_t most, ByteNfa::State from,
                  ByteNfa::State to);

}  // namespace faqsmith
