// What a reply may be, as an automaton over bytes: a JSON schema or a regular expression. Generated text always parses
// and fits, and a text that is begun can always be ended. Source: JSON (RFC 8259), JSON Schema 2020-12.
//
// Schema, all of it: type (one or a list), enum, const, properties, required, additionalProperties: false, items,
// minItems, maxItems, minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf
// (where no value can match two branches), allOf of one schema, $ref inside the document ($defs, definitions, "#", also
// recursive). Anything else is refused by name and place: a schema is obeyed whole or not at all.
//
// Of the texts that are valid, these are written: keys in the schema's order, no keys that it does not name; at most
// one space after ',' and ':'; integers without bounds up to 15 digits, with a bound any int64; numbers without
// exponent, with 15 digits at most (without bounds: on each side of the point); strings with a pattern escape only what
// JSON demands. Values nest at most kMaxDepth deep: recursion ends there.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "infer/byte_automaton.h"

namespace faqsmith {

// One value of a grammar. Private to infer/.
struct GrammarNode {
  enum class Kind : std::uint8_t { Object, Array, String, Automaton, AnyOf };
  struct Property {
    std::string key;  // as it appears in the output: quoted and escaped, without the colon
    int node = 0;
    bool required = false;
  };
  Kind kind = Kind::Automaton;
  std::vector<Property> properties = {};  // Object
  std::vector<int> branches = {};         // AnyOf; none of them is an AnyOf
  int item = -1;                          // Array
  std::int64_t min_count = 0;             // Array: items; String: characters
  std::int64_t max_count = 0;             // the same; INT64_MAX = no bound
  ByteAutomaton automaton = {};           // Automaton: the whole value
  std::int64_t shortest_size = 0;         // bytes of the shortest text
  int shortest_depth = 0;                 // values inside each other in it, this one included
  int shortest_branch = -1;               // AnyOf: whose text it is
};

// Compiled; immutable and shared between threads.
class Grammar {
 public:
  static constexpr int kMaxDepth = 32;                // of values inside each other
  static constexpr int kMaxSchemaDepth = 100;         // of the schema's own JSON
  static constexpr std::size_t kMaxSchema = 1 << 20;  // bytes
  static constexpr int kMaxThreads = 64;              // readings of one text that are followed at a time (anyOf)

  // A JSON schema. Throws Error(User) that names keyword and place: "JSON schema: not supported: format at
  // #/properties/day".
  explicit Grammar(std::string_view json_schema, const AutomatonLimits& limits = {});
  // The whole reply matches the pattern (infer/regex.h says which are supported). Throws Error(User).
  [[nodiscard]] static Grammar of_regex(std::string_view pattern, const AutomatonLimits& limits = {});

 private:
  friend class GrammarThread;
  friend class GrammarState;
  Grammar() = default;
  [[nodiscard]] const GrammarNode& node(int index) const { return nodes_[static_cast<std::size_t>(index)]; }
  void write_shortest(int index, std::string& out) const;

  friend class SchemaCompiler;
  std::vector<GrammarNode> nodes_;
  int root_ = 0;
};

// One reading of a text: a frame for each value that is open. Cheap to copy; no recursion, bounded by kMaxDepth.
class GrammarThread {
 public:
  enum class Outcome : std::uint8_t {
    Taken,
    Refused,
    EndedBefore,  // inside only: the value ended, the byte is its parent's
    Forks         // the value that begins here is an AnyOf; nothing is taken: go on with each fork()
  };

  explicit GrammarThread(const Grammar& grammar) { push(grammar, grammar.root_); }
  GrammarThread(const GrammarThread& other) { *this = other; }
  GrammarThread& operator=(const GrammarThread& other);
  [[nodiscard]] bool operator==(const GrammarThread& other) const;

  // Refused leaves it undefined.
  [[nodiscard]] Outcome take(const Grammar& grammar, std::uint8_t byte);
  [[nodiscard]] const std::vector<int>& fork_branches(const Grammar& grammar) const;
  // After Forks: the value is that branch. False if it could not be closed within kMaxDepth.
  [[nodiscard]] bool fork(const Grammar& grammar, int branch);

  [[nodiscard]] bool ended() const { return depth_ == 0; }
  [[nodiscard]] bool may_end(const Grammar& grammar) const;
  void close(const Grammar& grammar, std::string& out) const;  // appends the shortest rest

 private:
  enum class Step : std::uint8_t {
    ValueStart,  // nothing of the value seen yet
    KeyStart,    // Object, Array: just opened
    Key,         // inside a key
    Colon,       // key seen
    AfterColon,  // one space may follow, then the value
    AfterComma,  // one space may follow, then an item or key
    AfterValue,  // Object, Array: ',' or the end
    Text,        // String: inside
    Escape,      // String: after a backslash
    Hex,         // String: inside \uXXXX
    Utf8,        // String: inside a multi-byte character
    Walking,     // Automaton
  };
  struct Frame {
    std::int32_t node = 0;
    Step step = Step::ValueStart;
    std::uint8_t need = 0;    // Utf8: continuation bytes to come; Hex: digits to come; after ',' or ':': spaces seen
    std::uint8_t low = 0x80;  // Utf8: allowed range of the next byte
    std::uint8_t high = 0xBF;
    std::int32_t choice = 0;    // Object: the property (while inside its key: a representative)
    std::int32_t position = 0;  // Object: bytes of the key so far; Automaton: its state; Hex: the code unit so far
    std::int64_t count = 0;     // Object: the next property; Array: items so far; String: characters so far
    [[nodiscard]] bool operator==(const Frame&) const = default;
  };

  Outcome take_top(const Grammar& grammar, std::uint8_t byte);
  Outcome start_value(const Grammar& grammar, Frame& frame, std::uint8_t byte);
  Outcome take_object(const Grammar& grammar, Frame& frame, std::uint8_t byte);
  Outcome take_key(const Grammar& grammar, Frame& frame, std::uint8_t byte);
  Outcome take_array(const Grammar& grammar, Frame& frame, std::uint8_t byte);
  Outcome take_string(const Grammar& grammar, Frame& frame, std::uint8_t byte);
  Outcome take_text(const Grammar& grammar, Frame& frame, std::uint8_t byte);
  Outcome take_automaton(const Grammar& grammar, Frame& frame, std::uint8_t byte);
  void push(const Grammar& grammar, int node);
  void pop() { --depth_; }
  [[nodiscard]] Frame& top() { return stack_[static_cast<std::size_t>(depth_ - 1)]; }
  [[nodiscard]] const Frame& top() const { return stack_[static_cast<std::size_t>(depth_ - 1)]; }
  // Would a value of this node, as a child of frame `parent`, still close within kMaxDepth?
  [[nodiscard]] static bool fits(const Grammar& grammar, int node, int parent_depth);
  // The properties that may follow are [first, last]: optional ones up to the first required one.
  [[nodiscard]] static int last_candidate(const GrammarNode& node, int first);
  [[nodiscard]] static int first_candidate(const Grammar& grammar, const GrammarNode& node, int first, int depth);
  [[nodiscard]] static bool may_close(const GrammarNode& node, int first);
  static void close_frame(const Grammar& grammar, const Frame& frame, int depth, std::string& out);
  static void close_object(const Grammar& grammar, const Frame& frame, int depth, std::string& out);

  std::array<Frame, Grammar::kMaxDepth> stack_;  // the first depth_ are in use
  int depth_ = 0;
};

// Where in the grammar a text stands: all its readings. Beyond kMaxThreads readings the later branches are dropped,
// which never lets in a text that does not fit.
class GrammarState {
 public:
  explicit GrammarState(const Grammar& grammar);  // keeps a pointer to it

  // Takes the bytes if they may follow; otherwise returns false and leaves the state undefined (work on a copy).
  [[nodiscard]] bool advance(std::string_view bytes);
  [[nodiscard]] bool may_end() const;   // the text so far is whole (it may still grow)
  [[nodiscard]] bool must_end() const;  // nothing can follow
  // The shortest bytes that make the text whole; empty if may_end().
  [[nodiscard]] std::string closing() const;

 private:
  bool advance_byte(std::uint8_t byte);
  void fork(const GrammarThread& thread, std::uint8_t byte, std::vector<GrammarThread>& out) const;

  const Grammar* grammar_;
  std::vector<GrammarThread> threads_;
};

}  // namespace faqsmith
