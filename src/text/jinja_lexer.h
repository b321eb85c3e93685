// Cuts a Jinja template into text and tags, with the white space rules that transformers sets (trim_blocks,
// lstrip_blocks) and those of "-" and "+" beside a tag. A template is hostile data: linear time, no recursion.
// Source: Jinja 3.1, "Template Designer Documentation", white space control.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace faqsmith::jinja {

// What this reader of templates does not know, or a template that is broken: it cannot be judged.
class Unsupported : public Error {
 public:
  explicit Unsupported(const std::string& what) : Error(Kind::Input, what) {}
};

enum class TokenKind { Name, String, Number, Operator };
struct Token {
  TokenKind kind = TokenKind::Operator;
  std::string text;  // of a string its value
};

enum class PartKind { Text, Output, Block };
struct Part {
  PartKind kind = PartKind::Text;
  std::string text = {};           // of Text
  std::vector<Token> tokens = {};  // of Output and Block
  std::size_t next = 0;            // of a block that opens or continues one: where its next branch or its end stands
};

// Throws Unsupported for a tag that does not close, a block without its end, a character that Jinja does not know.
[[nodiscard]] std::vector<Part> read_parts(std::string_view source);

// The name of a block, e.g. "for"; empty for other parts.
[[nodiscard]] std::string_view block_name(const Part& part);

}  // namespace faqsmith::jinja
