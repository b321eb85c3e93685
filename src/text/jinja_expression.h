// Expressions of a chat template: parsed to a tree, then evaluated. An expression of more than 400 tokens is refused,
// so that neither step can run deep.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "text/jinja_lexer.h"
#include "text/jinja_value.h"

namespace faqsmith::jinja {

enum class ExprKind {
  Literal,
  Name,
  Array,
  Attribute,
  Item,
  Slice,
  Call,
  Filter,
  Test,
  Not,
  Negate,
  Binary,
  And,
  Or,
  If
};

struct Expr {
  ExprKind kind = ExprKind::Literal;
  std::string name = {};  // of a name, attribute, filter, test or operator
  Value literal = {};
  std::vector<std::unique_ptr<Expr>> parts = {};  // operands, base first; a slice: base, from, to; an If: test, yes, no
  std::vector<std::pair<std::string, std::unique_ptr<Expr>>> named = {};  // arguments of a call with their names
};

// Reads one expression from the front of tokens and takes it away. With Ternary::No an "if" ends it (for … in x if y).
enum class Ternary { Yes, No };
[[nodiscard]] std::unique_ptr<Expr> parse_expression(std::span<const Token>& tokens, Ternary ternary = Ternary::Yes);

// What evaluation needs from outside.
struct Scope {
  std::function<Value(std::string_view)> find;  // a variable, undefined if there is none
  std::function<Value(std::string_view function, const List& arguments, const Dict& named)> call;
  std::function<void()> spend;  // once a step; throws when there were too many
};
[[nodiscard]] Value evaluate(const Expr& expression, const Scope& scope);

}  // namespace faqsmith::jinja
