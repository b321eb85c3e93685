// A JSON schema as a byte automaton: which bytes may follow, so that generated text always parses and fits the schema.
// Supported: type object (properties, required; keys in the schema's order), array (items, minItems, maxItems), string
// (minLength, maxLength), integer (minimum with maximum, at most 1,000 values apart), number, boolean, null, enum,
// const. Anything else is refused by name: a schema is obeyed whole or not at all. Source: JSON (RFC 8259), JSON Schema
// 2020-12.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// Compiled schema; immutable and shared between threads.
class Grammar {
 public:
  // Throws Error(User) that names the keyword and its place, e.g. "properties.answer: pattern is not supported".
  explicit Grammar(std::string_view json_schema);

  static constexpr int kMaxDepth = 16;         // nesting of a schema; deeper ones are refused
  static constexpr int kMaxNumberDigits = 15;  // each side of the decimal point: exact in a double

 private:
  friend class GrammarState;
  enum class NodeKind : std::uint8_t { Object, Array, String, Integer, Number, Choice };
  struct Property {
    std::string key;  // as it appears in the output: quoted and escaped, without the colon
    int node = 0;
    bool required = false;
  };
  struct Node {
    NodeKind kind = NodeKind::Choice;
    std::vector<Property> properties = {};   // Object
    std::vector<std::string> literals = {};  // Choice: JSON texts (enum, const, boolean, null, small integer ranges)
    int item = -1;                           // Array
    std::int64_t min_count = 0;              // Array: items; String: characters
    std::int64_t max_count = 0;              // the same; INT64_MAX = no bound
    std::string shortest = {};               // the shortest JSON text of this node
  };
  struct Compiler;
  std::vector<Node> nodes_;
  int root_ = 0;
};

// Where in the grammar a text stands. Cheap to copy (a trial step copies it); no recursion, bounded by kMaxDepth.
class GrammarState {
 public:
  explicit GrammarState(const Grammar& grammar);  // keeps a pointer to it

  // Takes the bytes if they may follow; otherwise returns false and leaves the state undefined (work on a copy).
  [[nodiscard]] bool advance(std::string_view bytes);
  [[nodiscard]] bool may_end() const;   // the text so far is whole (a number may still grow)
  [[nodiscard]] bool must_end() const;  // nothing can follow
  // The shortest bytes that make the text whole; empty if may_end().
  [[nodiscard]] std::string closing() const;

 private:
  enum class Step : std::uint8_t {
    ValueStart,  // nothing of the value seen yet
    KeyStart,    // Object: '{' or ',' seen, a key must follow
    Key,         // inside a key
    Colon,       // key seen
    AfterColon,  // one space may follow, then the value
    AfterComma,  // one space may follow, then an item or key
    AfterValue,  // Object, Array: ',' or the end
    Text,        // String: inside
    Escape,      // String: after a backslash
    Hex,         // String: inside \uXXXX
    Utf8,        // String: inside a multi-byte character
    Minus,       // Number: sign seen
    Zero,        // Number: "0" or "-0"
    Digits,      // Number: integer digits
    Point,       // Number: "." seen, a digit must follow
    Fraction,    // Number: digits after the point
    Literal,     // Choice: inside
  };
  struct Frame {
    std::int16_t node = 0;
    Step step = Step::ValueStart;
    std::uint8_t need = 0;    // Utf8: continuation bytes to come; Hex: digits to come; numbers: digits so far
    std::uint8_t low = 0x80;  // Utf8: allowed range of the next byte
    std::uint8_t high = 0xBF;
    std::int16_t choice = 0;    // Object: the property (while inside its key: a representative); Choice: the same
    std::int32_t position = 0;  // bytes of the key or literal so far
    std::int64_t count = 0;     // Array: items so far; String: characters so far; Hex: see advance_string
  };
  enum class Outcome : std::uint8_t {
    Taken,
    Refused,
    EndedBefore
  };  // EndedBefore: the value ended, the byte is the parent's

  bool advance_byte(std::uint8_t byte);
  Outcome advance_top(std::uint8_t byte);
  Outcome start_value(Frame& frame, std::uint8_t byte);
  Outcome advance_object(Frame& frame, std::uint8_t byte);
  Outcome advance_array(Frame& frame, std::uint8_t byte);
  Outcome advance_string(Frame& frame, std::uint8_t byte);
  Outcome advance_text(Frame& frame, std::uint8_t byte);
  Outcome advance_number(Frame& frame, std::uint8_t byte);
  Outcome advance_choice(Frame& frame, std::uint8_t byte);
  Outcome advance_key(Frame& frame, std::uint8_t byte);
  void push(int node);
  void pop();
  [[nodiscard]] const Grammar::Node& node_of(const Frame& frame) const;
  [[nodiscard]] bool ends_here(const Frame& frame) const;
  [[nodiscard]] int last_candidate_property(const Grammar::Node& node, int first) const;
  void close_frame(const Frame& frame, std::string& out) const;
  void close_object(const Frame& frame, std::string& out) const;

  const Grammar* grammar_;
  std::array<Frame, Grammar::kMaxDepth> stack_;
  int depth_ = 0;
};

}  // namespace faqsmith
