// Recursive descent by Jinja's own order of operators: if, or, and, not, comparisons, + -, ~, * / // %, unary minus,
// then postfix parts, filters and tests.
#include "text/jinja_expression.h"

#include <charconv>

namespace faqsmith::jinja {
namespace {

constexpr std::size_t kMaxTokens = 400;

using Node = std::unique_ptr<Expr>;

Node node(ExprKind kind, std::string name = {}) {
  auto out = std::make_unique<Expr>();
  out->kind = kind;
  out->name = std::move(name);
  return out;
}

Node literal(Value value) {
  Node out = node(ExprKind::Literal);
  out->literal = std::move(value);
  return out;
}

std::int64_t number(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) throw Unsupported("a number is too large");
  return value;
}

class Parser {
 public:
  explicit Parser(std::span<const Token> tokens) : tokens_(tokens) {}

  Node conditional() {
    Node yes = either();
    while (take_name("if")) {
      Node choice = node(ExprKind::If);
      choice->parts.push_back(either());
      choice->parts.push_back(std::move(yes));
      if (take_name("else")) choice->parts.push_back(conditional());
      yes = std::move(choice);
    }
    return yes;
  }
  Node either() {
    return chain(ExprKind::Or, "or", [&] { return both(); });
  }
  [[nodiscard]] std::span<const Token> rest() const { return tokens_.subspan(at_); }

 private:
  [[nodiscard]] bool is(TokenKind kind, std::string_view text, std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() && tokens_[at_ + ahead].kind == kind && tokens_[at_ + ahead].text == text;
  }
  bool take_name(std::string_view name) {
    if (!is(TokenKind::Name, name)) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view op) {
    if (!is(TokenKind::Operator, op)) return false;
    ++at_;
    return true;
  }
  void need(std::string_view op) {
    if (!take(op)) throw Unsupported("an expression lacks \"" + std::string(op) + "\"");
  }
  std::string need_name() {
    if (at_ >= tokens_.size() || tokens_[at_].kind != TokenKind::Name) throw Unsupported("an expression lacks a name");
    return tokens_[at_++].text;
  }

  template <typename Next>
  Node chain(ExprKind kind, std::string_view word, Next next) {
    Node left = next();
    while (take_name(word)) left = pair(kind, std::string(word), std::move(left), next());
    return left;
  }
  static Node pair(ExprKind kind, std::string name, Node left, Node right) {
    Node out = node(kind, std::move(name));
    out->parts.push_back(std::move(left));
    out->parts.push_back(std::move(right));
    return out;
  }
  static Node wrap(ExprKind kind, std::string name, Node inner) {
    Node out = node(kind, std::move(name));
    out->parts.push_back(std::move(inner));
    return out;
  }

  Node both() {
    return chain(ExprKind::And, "and", [&] { return negation(); });
  }
  Node negation() {
    if (take_name("not")) return wrap(ExprKind::Not, "not", negation());
    return comparison();
  }
  Node comparison() {
    Node left = sum();
    const bool negated = is(TokenKind::Name, "not") && is(TokenKind::Name, "in", 1);
    if (negated) at_ += 2;
    if (negated || take_name("in")) {
      left = pair(ExprKind::Binary, "in", std::move(left), sum());
      if (negated) left = wrap(ExprKind::Not, "not", std::move(left));
    } else {
      for (const char* op : {"==", "!=", "<=", ">=", "<", ">"}) {
        if (!take(op)) continue;
        left = pair(ExprKind::Binary, op, std::move(left), sum());
        break;
      }
    }
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">"})
      if (is(TokenKind::Operator, op)) throw Unsupported("it chains comparisons");
    return left;
  }
  Node sum() {
    Node left = joined();
    while (is(TokenKind::Operator, "+") || is(TokenKind::Operator, "-")) {
      const std::string op = tokens_[at_++].text;
      left = pair(ExprKind::Binary, op, std::move(left), joined());
    }
    return left;
  }
  Node joined() {
    Node left = product();
    while (take("~")) left = pair(ExprKind::Binary, "~", std::move(left), product());
    return left;
  }
  Node product() {
    Node left = unary(true);
    while (is(TokenKind::Operator, "*") || is(TokenKind::Operator, "/") || is(TokenKind::Operator, "//") ||
           is(TokenKind::Operator, "%")) {
      const std::string op = tokens_[at_++].text;
      left = pair(ExprKind::Binary, op, std::move(left), unary(true));
    }
    return left;
  }
  Node unary(bool filters) {
    Node out = take("-") ? wrap(ExprKind::Negate, "-", unary(false)) : primary();
    out = postfix(std::move(out));
    return filters ? filtered(std::move(out)) : std::move(out);
  }

  Node primary() {
    if (at_ >= tokens_.size()) throw Unsupported("an expression ends early");
    const Token& token = tokens_[at_++];
    if (token.kind == TokenKind::String) {
      std::string text = token.text;
      for (; at_ < tokens_.size() && tokens_[at_].kind == TokenKind::String; ++at_) text += tokens_[at_].text;
      return literal({std::move(text)});
    }
    if (token.kind == TokenKind::Number) return literal({number(token.text)});
    if (token.kind == TokenKind::Name) {
      if (token.text == "true" || token.text == "True") return literal({true});
      if (token.text == "false" || token.text == "False") return literal({false});
      if (token.text == "none" || token.text == "None") return literal({None{}});
      return node(ExprKind::Name, token.text);
    }
    if (token.text == "(") {
      Node out = conditional();
      need(")");
      return out;
    }
    if (token.text != "[") throw Unsupported("an expression has an unexpected \"" + token.text + "\"");
    Node out = node(ExprKind::Array);
    while (!take("]")) {
      out->parts.push_back(conditional());
      if (!take(",") && !is(TokenKind::Operator, "]")) throw Unsupported("a list does not end");
    }
    return out;
  }

  Node postfix(Node base) {
    for (;;) {
      if (take(".")) {
        base = wrap(ExprKind::Attribute, need_name(), std::move(base));
      } else if (take("[")) {
        base = subscript(std::move(base));
      } else if (is(TokenKind::Operator, "(")) {
        base = wrap(ExprKind::Call, "", std::move(base));
        arguments(*base);
      } else {
        return base;
      }
    }
  }
  Node subscript(Node base) {
    Node first = is(TokenKind::Operator, ":") ? literal({}) : conditional();
    if (take("]")) return pair(ExprKind::Item, "", std::move(base), std::move(first));
    need(":");
    Node last = is(TokenKind::Operator, "]") ? literal({}) : conditional();
    need("]");  // a step is not read
    Node out = pair(ExprKind::Slice, "", std::move(base), std::move(first));
    out->parts.push_back(std::move(last));
    return out;
  }
  void arguments(Expr& call) {
    need("(");
    while (!take(")")) {
      if (at_ < tokens_.size() && tokens_[at_].kind == TokenKind::Name && is(TokenKind::Operator, "=", 1)) {
        std::string name = need_name();
        need("=");
        call.named.emplace_back(std::move(name), conditional());
      } else {
        call.parts.push_back(conditional());
      }
      if (!take(",") && !is(TokenKind::Operator, ")")) throw Unsupported("a call does not end");
    }
  }
  Node filtered(Node base) {
    for (;;) {
      if (take("|")) {
        base = wrap(ExprKind::Filter, need_name(), std::move(base));
        if (is(TokenKind::Operator, "(")) arguments(*base);
      } else if (take_name("is")) {
        base = test(std::move(base));
      } else if (is(TokenKind::Operator, "(")) {
        base = postfix(std::move(base));
      } else {
        return base;
      }
    }
  }
  Node test(Node base) {
    const bool negated = take_name("not");
    Node out = wrap(ExprKind::Test, need_name(), std::move(base));
    if (is(TokenKind::Operator, "(")) {
      arguments(*out);
    } else if (out->name == "in" || out->name == "equalto" || out->name == "eq" || out->name == "ne") {
      out->parts.push_back(postfix(primary()));
    }
    return negated ? wrap(ExprKind::Not, "not", std::move(out)) : std::move(out);
  }

  std::span<const Token> tokens_;
  std::size_t at_ = 0;
};

List values_of(const Expr& expression, std::size_t first, const Scope& scope) {
  List out;
  for (std::size_t i = first; i < expression.parts.size(); ++i) out.push_back(evaluate(*expression.parts[i], scope));
  return out;
}

Value call(const Expr& expression, const Scope& scope) {
  const Expr& callee = *expression.parts[0];
  const List arguments = values_of(expression, 1, scope);
  Dict named;
  for (const auto& [name, value] : expression.named) named.emplace(name, evaluate(*value, scope));
  if (callee.kind == ExprKind::Name) return scope.call(callee.name, arguments, named);
  if (callee.kind != ExprKind::Attribute || !named.empty()) throw Unsupported("it calls something unusual");
  return call_method(evaluate(*callee.parts[0], scope), callee.name, arguments);
}

}  // namespace

std::unique_ptr<Expr> parse_expression(std::span<const Token>& tokens, Ternary ternary) {
  if (tokens.size() > kMaxTokens) throw Unsupported("it has a very long expression");
  Parser parser(tokens);
  std::unique_ptr<Expr> out = ternary == Ternary::Yes ? parser.conditional() : parser.either();
  tokens = parser.rest();
  return out;
}

Value evaluate(const Expr& e, const Scope& scope) {
  scope.spend();
  const auto part = [&](std::size_t i) { return evaluate(*e.parts[i], scope); };
  const auto no_names = [&] {
    if (!e.named.empty()) throw Unsupported("it uses \"" + e.name + "\" with named arguments");
  };
  switch (e.kind) {
    case ExprKind::Literal:
      return e.literal;
    case ExprKind::Name:
      return scope.find(e.name);
    case ExprKind::Array:
      return make_list(values_of(e, 0, scope));
    case ExprKind::Attribute:
      return item(part(0), {e.name});
    case ExprKind::Item:
      return item(part(0), part(1));
    case ExprKind::Slice:
      return slice(part(0), part(1), part(2));
    case ExprKind::Call:
      return call(e, scope);
    case ExprKind::Filter:
      no_names();
      return apply_filter(e.name, part(0), values_of(e, 1, scope));
    case ExprKind::Test:
      no_names();
      return {apply_test(e.name, part(0), values_of(e, 1, scope))};
    case ExprKind::Not:
      return {!truth(part(0))};
    case ExprKind::Negate:
      return {-to_int(part(0))};
    case ExprKind::Binary:
      return binary(e.name, part(0), part(1));
    case ExprKind::And: {
      Value left = part(0);
      return truth(left) ? part(1) : left;
    }
    case ExprKind::Or: {
      Value left = part(0);
      return truth(left) ? left : part(1);
    }
    case ExprKind::If:
      if (truth(part(0))) return part(1);
      return e.parts.size() > 2 ? part(2) : Value{};
  }
  throw Unsupported("an expression is of an unknown kind");
}

}  // namespace faqsmith::jinja
