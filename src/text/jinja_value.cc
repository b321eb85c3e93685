// The part of Python's and Jinja's semantics that chat templates use for plain conversations.
#include "text/jinja_value.h"

#include <algorithm>

#include "base/strings.h"
#include "text/jinja_lexer.h"
#include "text/strip.h"

namespace faqsmith::jinja {
namespace {

constexpr std::size_t kMaxBytes = 1 << 14;       // of one string: no known template builds more from a probe
constexpr std::int64_t kMaxInt = 1'000'000'000;  // so that no product overflows

bool equal_within(const Value& a, const Value& b, int& budget) {
  if (--budget < 0) throw Unsupported("it compares very long lists");
  const auto same = [&](const Value& x, const Value& y) { return equal_within(x, y, budget); };
  if (a.data.index() != b.data.index()) {
    const bool numbers = (a.as<bool>() || a.as<std::int64_t>()) && (b.as<bool>() || b.as<std::int64_t>());
    return numbers && to_int(a) == to_int(b);
  }
  if (const List* list = a.list())
    return std::equal(list->begin(), list->end(), b.list()->begin(), b.list()->end(), same);
  if (const Dict* dict = a.dict()) {
    return std::equal(dict->begin(), dict->end(), b.dict()->begin(), b.dict()->end(),
                      [&](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
  }
  if (const auto* text = a.as<std::string>()) return *text == *b.as<std::string>();
  if (const auto* number = a.as<std::int64_t>()) return *number == *b.as<std::int64_t>();
  if (const auto* yes = a.as<bool>()) return *yes == *b.as<bool>();
  return true;  // both None, or both undefined
}

Value text_value(std::string_view text) {
  return {std::string(text)};
}

bool contains(const Value& whole, const Value& part) {
  if (const auto* text = whole.as<std::string>()) return text->find(to_string(part)) != std::string::npos;
  if (const Dict* dict = whole.dict()) return dict->contains(to_string(part));
  const List list = elements(whole);
  return std::any_of(list.begin(), list.end(), [&](const Value& v) { return equal(v, part); });
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == 0) throw Unsupported("it divides by zero");
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

bool less(const Value& a, const Value& b) {
  const auto* left = a.as<std::string>();
  const auto* right = b.as<std::string>();
  if (left && right) return *left < *right;
  return to_int(a) < to_int(b);
}

Value add(const Value& a, const Value& b) {
  if (a.as<std::string>() || b.as<std::string>()) {
    const std::string& left = to_string(a);
    const std::string& right = to_string(b);
    if (left.size() + right.size() > kMaxBytes) throw Unsupported("it builds a very long text");
    return {left + right};
  }
  return {to_int(a) + to_int(b)};
}

// A place of a list or text as Python counts: from the end if negative, clamped.
std::size_t place(const Value& index, std::size_t size, std::size_t otherwise) {
  if (index.undefined() || index.as<None>()) return otherwise;
  std::int64_t at = to_int(index);
  if (at < 0) at += static_cast<std::int64_t>(size);
  return static_cast<std::size_t>(std::clamp<std::int64_t>(at, 0, static_cast<std::int64_t>(size)));
}

Value select_by_attribute(const Value& value, const List& arguments, bool wanted) {
  if (arguments.empty()) throw Unsupported("a filter lacks its argument");
  List out;
  for (const Value& element : elements(value)) {
    const Value attribute = item(element, arguments[0]);
    const bool holds = arguments.size() < 2
                           ? truth(attribute)
                           : apply_test(to_string(arguments[1]), attribute, {arguments.begin() + 2, arguments.end()});
    if (holds == wanted) out.push_back(element);
  }
  return make_list(std::move(out));
}

std::int64_t length(const Value& value) {
  if (const auto* text = value.as<std::string>())
    return std::count_if(text->begin(), text->end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  if (const Dict* dict = value.dict()) return static_cast<std::int64_t>(dict->size());
  return static_cast<std::int64_t>(elements(value).size());
}

}  // namespace

const List* Value::list() const {
  const auto* shared = as<std::shared_ptr<List>>();
  return shared ? shared->get() : nullptr;
}
const Dict* Value::dict() const {
  const auto* shared = as<std::shared_ptr<Dict>>();
  return shared ? shared->get() : nullptr;
}
Value make_list(List items) {
  return {std::make_shared<List>(std::move(items))};
}
Value make_dict(Dict items) {
  return {std::make_shared<Dict>(std::move(items))};
}

bool truth(const Value& value) {
  if (const auto* yes = value.as<bool>()) return *yes;
  if (const auto* number = value.as<std::int64_t>()) return *number != 0;
  if (const auto* text = value.as<std::string>()) return !text->empty();
  if (const List* list = value.list()) return !list->empty();
  if (const Dict* dict = value.dict()) return !dict->empty();
  return false;
}

bool equal(const Value& a, const Value& b) {
  int budget = 1000;  // lists of lists of … can be long to compare, whoever built them
  return equal_within(a, b, budget);
}

std::string to_text(const Value& value) {
  if (value.undefined()) return "";
  if (value.as<None>()) return "None";
  if (const auto* yes = value.as<bool>()) return *yes ? "True" : "False";
  if (const auto* number = value.as<std::int64_t>()) return std::to_string(*number);
  return to_string(value);
}

std::int64_t to_int(const Value& value) {
  std::int64_t number = 0;
  if (const auto* yes = value.as<bool>()) {
    number = *yes ? 1 : 0;
  } else if (const auto* whole = value.as<std::int64_t>()) {
    number = *whole;
  } else {
    throw Unsupported("it computes with something that is no number");
  }
  if (number > kMaxInt || number < -kMaxInt) throw Unsupported("it computes with a very large number");
  return number;
}

const std::string& to_string(const Value& value) {
  const auto* text = value.as<std::string>();
  if (!text) throw Unsupported("it uses something as text that is none");
  return *text;
}

List elements(const Value& value) {
  if (value.undefined()) return {};
  if (const List* list = value.list()) return *list;
  if (const Dict* dict = value.dict()) {
    List keys;
    for (const auto& [key, unused] : *dict) keys.push_back({key});
    return keys;
  }
  throw Unsupported("it loops over something that is no list");
}

Value binary(std::string_view op, const Value& a, const Value& b) {
  if (op == "==") return {equal(a, b)};
  if (op == "!=") return {!equal(a, b)};
  if (op == "<") return {less(a, b)};
  if (op == ">") return {less(b, a)};
  if (op == "<=") return {!less(b, a)};
  if (op == ">=") return {!less(a, b)};
  if (op == "in") return {contains(b, a)};
  if (op == "~") return add({to_text(a)}, {to_text(b)});
  if (op == "+") return add(a, b);
  if (op == "-") return {to_int(a) - to_int(b)};
  if (op == "*") return {to_int(a) * to_int(b)};
  if (op == "//") return {floor_divide(to_int(a), to_int(b))};
  if (op == "%") return {to_int(a) - floor_divide(to_int(a), to_int(b)) * to_int(b)};
  throw Unsupported("it uses the operator \"" + std::string(op) + "\"");
}

Value item(const Value& base, const Value& index) {
  if (const Dict* dict = base.dict()) {
    const auto* name = index.as<std::string>();
    if (!name) return {};
    const auto found = dict->find(*name);
    return found == dict->end() ? Value{} : found->second;
  }
  if (const List* list = base.list()) {
    if (index.as<std::string>()) return {};
    std::int64_t at = to_int(index);
    if (at < 0) at += static_cast<std::int64_t>(list->size());
    if (at < 0 || at >= static_cast<std::int64_t>(list->size())) return {};
    return (*list)[static_cast<std::size_t>(at)];
  }
  if (base.as<std::string>() && index.as<std::string>()) return {};  // a text has no such attribute
  throw Unsupported("it looks for a part of something that has none");
}

Value slice(const Value& base, const Value& from, const Value& to) {
  const List* list = base.list();
  if (!list) throw Unsupported("it cuts something that is no list");
  const std::size_t begin = place(from, list->size(), 0), end = place(to, list->size(), list->size());
  if (begin >= end) return make_list({});
  return make_list(
      {list->begin() + static_cast<std::ptrdiff_t>(begin), list->begin() + static_cast<std::ptrdiff_t>(end)});
}

Value apply_filter(std::string_view name, const Value& value, const List& arguments) {
  if (name == "selectattr") return select_by_attribute(value, arguments, true);
  if (name == "rejectattr") return select_by_attribute(value, arguments, false);
  if (name == "default" || name == "d") {
    if (arguments.size() != 1) throw Unsupported("it uses the filter \"default\" in an unusual way");
    return value.undefined() ? arguments[0] : value;
  }
  if (!arguments.empty()) throw Unsupported("it uses the filter \"" + std::string(name) + "\" with arguments");
  if (name == "trim") return text_value(strip(to_text(value)));
  if (name == "string") return {to_text(value)};
  if (name == "length" || name == "count") return {length(value)};
  if (name == "list") return make_list(elements(value));
  if (name == "first" || name == "last")
    return item(make_list(elements(value)), {std::int64_t{name == "first" ? 0 : -1}});
  throw Unsupported("it uses the filter \"" + std::string(name) + "\"");
}

bool apply_test(std::string_view name, const Value& value, const List& arguments) {
  const auto argument = [&]() -> const Value& {
    if (arguments.size() != 1) throw Unsupported("a test lacks its argument");
    return arguments[0];
  };
  if (name == "equalto" || name == "eq" || name == "==") return equal(value, argument());
  if (name == "ne" || name == "!=") return !equal(value, argument());
  if (name == "in") return contains(argument(), value);
  if (!arguments.empty()) throw Unsupported("it uses the test \"" + std::string(name) + "\" with arguments");
  if (name == "defined") return !value.undefined();
  if (name == "undefined") return value.undefined();
  if (name == "none") return value.as<None>() != nullptr;
  if (name == "string") return value.as<std::string>() != nullptr;
  if (name == "mapping") return value.dict() != nullptr;
  if (name == "boolean") return value.as<bool>() != nullptr;
  if (name == "true") return value.as<bool>() != nullptr && truth(value);
  if (name == "false") return value.as<bool>() != nullptr && !truth(value);
  if (name == "number") return value.as<std::int64_t>() || value.as<bool>();
  if (name == "even") return to_int(value) % 2 == 0;
  if (name == "odd") return to_int(value) % 2 != 0;
  if (name == "iterable") return value.as<std::string>() || value.list() || value.dict() || value.undefined();
  if (name == "sequence") return value.as<std::string>() || value.list() || value.dict();
  throw Unsupported("it uses the test \"" + std::string(name) + "\"");
}

Value call_method(const Value& base, std::string_view name, const List& arguments) {
  if (const Dict* dict = base.dict(); dict && name == "get" && (arguments.size() == 1 || arguments.size() == 2)) {
    const auto found = dict->find(to_string(arguments[0]));
    if (found != dict->end()) return found->second;
    return arguments.size() == 2 ? arguments[1] : Value{None{}};
  }
  const auto* text = base.as<std::string>();
  if (text && arguments.empty()) {
    if (name == "strip") return text_value(strip(*text));
    if (name == "lstrip") return text_value(strip_left(*text));
    if (name == "rstrip") return text_value(strip_right(*text));
  }
  if (text && arguments.size() == 1) {
    if (name == "startswith") return {text->starts_with(to_string(arguments[0]))};
    if (name == "endswith") return {text->ends_with(to_string(arguments[0]))};
  }
  throw Unsupported("it calls \"" + std::string(name) + "\"");
}

}  // namespace faqsmith::jinja
