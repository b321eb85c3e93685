// What expressions of a chat template compute with: Python's None, bool, int, str, list and dict, and Jinja's
// undefined. Whatever else a template asks for is Unsupported, never guessed.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace faqsmith::jinja {

struct Value;
struct None {
  bool operator==(const None&) const = default;
};
struct Undefined {
  bool operator==(const Undefined&) const = default;
};
using List = std::vector<Value>;
using Dict = std::map<std::string, Value, std::less<>>;

struct Value {
  // Lists and dicts are shared, as in Python: a namespace keeps what is set in it.
  std::variant<Undefined, None, bool, std::int64_t, std::string, std::shared_ptr<List>, std::shared_ptr<Dict>> data;

  template <typename T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&data);
  }
  [[nodiscard]] const List* list() const;  // null if it is none
  [[nodiscard]] const Dict* dict() const;
  [[nodiscard]] bool undefined() const { return as<Undefined>() != nullptr; }
};

[[nodiscard]] Value make_list(List items);
[[nodiscard]] Value make_dict(Dict items);

[[nodiscard]] bool truth(const Value& value);
[[nodiscard]] bool equal(const Value& a, const Value& b);
// What {{ value }} writes. Throws Unsupported for lists and dicts.
[[nodiscard]] std::string to_text(const Value& value);
// Throws Unsupported if it is no whole number.
[[nodiscard]] std::int64_t to_int(const Value& value);
// Throws Unsupported if it is no string.
[[nodiscard]] const std::string& to_string(const Value& value);
// The elements that a loop sees: a list's, a dict's keys, nothing of undefined. Throws Unsupported for others.
[[nodiscard]] List elements(const Value& value);

[[nodiscard]] Value binary(std::string_view op, const Value& a, const Value& b);   // + - * // % ~ < > <= >= == != in
[[nodiscard]] Value item(const Value& base, const Value& index);                   // base[index] and base.name
[[nodiscard]] Value slice(const Value& base, const Value& from, const Value& to);  // undefined = open end
[[nodiscard]] Value apply_filter(std::string_view name, const Value& value, const List& arguments);
[[nodiscard]] bool apply_test(std::string_view name, const Value& value, const List& arguments);
[[nodiscard]] Value call_method(const Value& base, std::string_view name, const List& arguments);

}  // namespace faqsmith::jinja
