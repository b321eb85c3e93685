// Reading a schema: which keywords stand there and what they say. Every keyword is either obeyed or refused by name.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json_text.h"
#include "formats/untrusted_json.h"
#include "infer/number_ranges.h"
#include "infer/regex.h"
#include "infer/schema_compiler.h"

namespace faqsmith {

using Json = SchemaCompiler::Json;

namespace {

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxMinimum = 4096;     // minItems, minLength
constexpr std::size_t kMaxNodes = 10'000;      // places of a schema
constexpr std::size_t kMaxProperties = 1'000;  // of one object
constexpr std::size_t kMaxLiterals = 30'000;   // of one enum
constexpr const char* kHint =
    "supported: type, enum, const, properties, required, items, minItems, maxItems, minLength, maxLength, pattern, "
    "minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf, $ref";
const std::set<std::string> kAnnotations = {"title",     "description", "$schema",     "$comment",
                                            "default",   "examples",    "deprecated",  "readOnly",
                                            "writeOnly", "$defs",       "definitions", "$id"};

[[noreturn]] void refuse(const std::string& place, const std::string& what) {
  throw Error(Kind::User, fmt::format("JSON schema: {} at {}", what, place), kHint);
}

void check_keywords(const Json& schema, const std::string& place, const std::set<std::string>& known) {
  for (const auto& [key, value] : schema.items()) {
    if (!known.contains(key) && !kAnnotations.contains(key)) refuse(place, "not supported: " + key);
  }
}

std::string child_place(const std::string& place, std::string_view part) {
  std::string escaped;
  for (const char c : part) escaped += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return place + "/" + escaped;
}

std::int64_t read_count(const Json& schema, const std::string& place, const char* key, std::int64_t fallback) {
  const auto at = schema.find(key);
  if (at == schema.end()) return fallback;
  if (at->is_number_unsigned() && at->get<std::uint64_t>() > static_cast<std::uint64_t>(kUnbounded)) return kUnbounded;
  if (!at->is_number_integer() || at->get<std::int64_t>() < 0) refuse(place, std::string(key) + " is no count");
  return at->get<std::int64_t>();
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

const std::set<std::string>& keywords_of(const std::string& type) {
  static const std::map<std::string, std::set<std::string>> kKeywords = {
      {"object", {"properties", "required", "additionalProperties"}},
      {"array", {"items", "minItems", "maxItems"}},
      {"string", {"minLength", "maxLength", "pattern"}},
      {"integer", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
      {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
      {"boolean", {}},
      {"null", {}}};
  static const std::set<std::string> kNone;
  const auto found = kKeywords.find(type);
  return found == kKeywords.end() ? kNone : found->second;
}

bool is_known_type(const Json& type) {
  static const std::set<std::string> kTypes = {"object", "array", "string", "integer", "number", "boolean", "null"};
  return type.is_string() && kTypes.contains(type.get<std::string>());
}

// A bound that a schema gives; nullptr if it gives none.
const Json* read_bound(const Json& schema, const std::string& place, const char* key) {
  const auto at = schema.find(key);
  if (at == schema.end()) return nullptr;
  if (!at->is_number() || !std::isfinite(at->get<double>())) refuse(place, std::string(key) + " is no number");
  return &*at;
}

// The least integer that the bound allows (Up: it is a minimum) or the largest (Down).
std::int64_t integer_bound(const Json& bound, Rounding rounding, bool exclusive, bool& none) {
  const bool up = rounding == Rounding::Up;
  constexpr auto kLow = std::numeric_limits<std::int64_t>::min(), kHigh = std::numeric_limits<std::int64_t>::max();
  std::optional<std::int64_t> value;
  bool whole = true;
  if (bound.is_number_integer()) {
    const bool beyond = bound.is_number_unsigned() && bound.get<std::uint64_t>() > static_cast<std::uint64_t>(kHigh);
    if (!beyond) value = bound.get<std::int64_t>();
  } else {
    value = integer_of(bound.get<double>(), rounding);
    whole = std::floor(bound.get<double>()) == bound.get<double>();
  }
  if (!value) {  // beyond int64: either no bound at all, or nothing is left
    const bool above = bound.get<double>() > 0;
    none = none || above == up;
    return up ? kLow : kHigh;
  }
  if (!exclusive || !whole) return *value;
  if (*value == (up ? kHigh : kLow)) {
    none = true;
    return *value;
  }
  return up ? *value + 1 : *value - 1;
}

Decimal decimal_bound(const Json& bound, Rounding rounding, bool exclusive) {
  const double value = bound.get<double>();
  const Decimal inside = decimal_of(value, rounding);
  const Decimal other = decimal_of(value, rounding == Rounding::Up ? Rounding::Down : Rounding::Up);
  if (!exclusive || inside != other) return inside;
  return rounding == Rounding::Up ? inside + 1 : inside - 1;
}

}  // namespace

int SchemaCompiler::reserve(const Json& schema, const std::string& place, const std::string& type) {
  const auto [target, target_place] = resolve(&schema, place);
  const auto [at, fresh] = known_.emplace(std::pair(target, type), static_cast<int>(grammar_.nodes_.size()));
  if (!fresh) return at->second;
  if (grammar_.nodes_.size() >= kMaxNodes) refuse(place, fmt::format("more than {} values", kMaxNodes));
  grammar_.nodes_.emplace_back();
  places_.push_back(target_place);
  pending_.push_back({.node = at->second, .schema = target, .place = target_place, .type = type});
  return at->second;
}

std::pair<const Json*, std::string> SchemaCompiler::resolve(const Json* schema, std::string place) const {
  std::set<const Json*> seen;
  for (;;) {
    if (!schema->is_object()) refuse(place, "a schema must be an object");
    if (!seen.insert(schema).second) refuse(place, "a $ref that leads back to itself");
    if (const auto reference = schema->find("$ref"); reference != schema->end()) {
      check_keywords(*schema, place, {"$ref"});
      if (!reference->is_string()) refuse(place, "$ref is no text");
      std::tie(schema, place) = follow(reference->get<std::string>(), place);
    } else if (const auto all = schema->find("allOf"); all != schema->end()) {
      check_keywords(*schema, place, {"allOf"});
      if (!all->is_array() || all->size() != 1) refuse(place, "not supported: allOf of several schemas");
      place = child_place(child_place(place, "allOf"), "0");
      schema = &(*all)[0];
    } else {
      return {schema, place};
    }
  }
}

std::pair<const Json*, std::string> SchemaCompiler::follow(const std::string& reference,
                                                           const std::string& place) const {
  if (reference != "#" && !reference.starts_with("#/")) {
    refuse(place, "not supported: $ref to " + reference + " (only #/… inside the schema)");
  }
  const Json* at = &document_;
  std::size_t begin = 2;
  while (begin <= reference.size() && reference.size() > 1) {
    const std::size_t end = std::min(reference.find('/', begin), reference.size());
    std::string key;
    for (std::size_t i = begin; i < end; ++i) {
      const char c = reference[i];
      const auto digits = reference.substr(i + 1, 2);
      if (c == '~' && (digits.starts_with('0') || digits.starts_with('1'))) {
        key += digits[0] == '0' ? '~' : '/';
        i += 1;
      } else if (c == '%' && digits.size() == 2 && std::isxdigit(digits[0]) != 0 && std::isxdigit(digits[1]) != 0) {
        key += static_cast<char>(std::stoi(digits, nullptr, 16));
        i += 2;
      } else {
        key += c;
      }
    }
    const bool number = !key.empty() && key.size() < 6 && key.find_first_not_of("0123456789") == std::string::npos;
    if (at->is_object() && at->contains(key)) {
      at = &(*at)[key];
    } else if (at->is_array() && number && std::stoul(key) < at->size()) {
      at = &(*at)[std::stoul(key)];
    } else {
      refuse(place, "$ref to " + reference + ", which is not there,");
    }
    begin = end + 1;
  }
  return {at, reference};
}

void SchemaCompiler::compile() {
  grammar_.root_ = reserve(document_, "#");
  for (; !pending_.empty(); pending_.pop_front()) {
    const Pending pending = pending_.front();
    budget_.place = "JSON schema, " + pending.place;
    GrammarNode made = make_node(pending);
    grammar_.nodes_[static_cast<std::size_t>(pending.node)] = std::move(made);
  }
  flatten_branches();
  measure();
  check_one_of();
}

GrammarNode SchemaCompiler::make_node(const Pending& pending) {
  const Json& schema = *pending.schema;
  const std::string& place = pending.place;
  if (pending.type.empty()) {
    if (schema.contains("anyOf") || schema.contains("oneOf")) return make_any_of(schema, place);
    if (schema.contains("enum") || schema.contains("const")) return make_enum(schema, place);
    const auto type = schema.find("type");
    if (type == schema.end()) refuse(place, "no type (anything would be allowed)");
    if (type->is_array()) return make_types(schema, place);
    if (!is_known_type(*type)) refuse(place, "not supported: type " + json_text(*type));
    std::set<std::string> known = keywords_of(type->get<std::string>());
    known.insert("type");
    check_keywords(schema, place, known);
  }
  const std::string type = pending.type.empty() ? schema["type"].get<std::string>() : pending.type;
  if (type == "object") return make_object(schema, place);
  if (type == "array") return make_array(schema, place);
  if (type == "string") return make_string(schema, place);
  if (type == "integer") return make_integer(schema, place);
  if (type == "number") return make_number(schema, place);
  if (type == "boolean") return literals({"true", "false"}, place);
  return literals({"null"}, place);
}

GrammarNode SchemaCompiler::make_any_of(const Json& schema, const std::string& place) {
  const char* key = schema.contains("anyOf") ? "anyOf" : "oneOf";
  check_keywords(schema, place, {key});
  const Json& list = schema[key];
  if (!list.is_array() || list.empty()) refuse(place, std::string(key) + " is no list of schemas");
  GrammarNode node{.kind = GrammarNode::Kind::AnyOf};
  for (std::size_t i = 0; i < list.size(); ++i)
    node.branches.push_back(reserve(list[i], child_place(child_place(place, key), std::to_string(i))));
  if (std::string_view(key) == "oneOf") one_of_.push_back({node.branches, place});
  return node;
}

// A list of types: each with its own keywords.
GrammarNode SchemaCompiler::make_types(const Json& schema, const std::string& place) {
  const Json& types = schema["type"];
  std::set<std::string> known = {"type"};
  GrammarNode node{.kind = GrammarNode::Kind::AnyOf};
  if (types.empty()) refuse(place, "type is an empty list");
  for (const Json& type : types) {
    if (!is_known_type(type)) refuse(place, "not supported: type " + json_text(type));
    known.insert(keywords_of(type).begin(), keywords_of(type).end());
  }
  check_keywords(schema, place, known);
  for (const Json& type : types) {
    const auto name = type.get<std::string>();
    node.branches.push_back(reserve(schema, place, name));
  }
  return node;
}

GrammarNode SchemaCompiler::literals(std::vector<std::string> texts, const std::string& place) {
  if (texts.empty()) refuse(place, "no value is allowed");
  return {.kind = GrammarNode::Kind::Automaton, .automaton = ByteAutomaton::of_literals(std::move(texts), budget_)};
}

GrammarNode SchemaCompiler::make_enum(const Json& schema, const std::string& place) {
  check_keywords(schema, place, {"type", "enum", "const"});
  if (schema.contains("enum") && schema.contains("const")) refuse(place, "not supported: enum beside const");
  if (schema.contains("enum") && !schema["enum"].is_array()) refuse(place, "enum is no list");
  const Json values = schema.contains("const") ? Json::array({schema["const"]}) : schema["enum"];
  if (values.size() > kMaxLiterals) refuse(place, fmt::format("more than {} values", kMaxLiterals));
  Json types = schema.contains("type") ? schema["type"] : Json();
  if (types.is_string()) types = Json::array({types});
  std::vector<std::string> texts;
  for (const Json& value : values) {
    const auto fits = [&](const Json& type) { return type.is_string() && has_type(value, type.get<std::string>()); };
    if (!types.is_null() && !std::any_of(types.begin(), types.end(), fits))
      refuse(place, "the value " + json_text(value) + " is not of its type");
    texts.push_back(json_text(value));
  }
  return literals(std::move(texts), place);
}

template <class Add>
GrammarNode SchemaCompiler::automaton(const std::string& place, const std::string& if_empty, Add add) {
  ByteNfa nfa(budget_);
  const auto from = nfa.add_state(), to = nfa.add_state();
  add(nfa, from, to);
  GrammarNode node{.kind = GrammarNode::Kind::Automaton, .automaton = ByteAutomaton(nfa, from, to, budget_)};
  if (node.automaton.empty()) refuse(place, if_empty);
  return node;
}

GrammarNode SchemaCompiler::make_string(const Json& schema, const std::string& place) {
  const std::int64_t least = read_count(schema, place, "minLength", 0);
  const std::int64_t most = read_count(schema, place, "maxLength", kUnbounded);
  if (least > kMaxMinimum) refuse(place, fmt::format("minLength is above {}", kMaxMinimum));
  if (least > most) refuse(place, "minLength is above maxLength");
  const auto pattern = schema.find("pattern");
  if (pattern == schema.end()) return {.kind = GrammarNode::Kind::String, .min_count = least, .max_count = most};
  if (!pattern->is_string()) refuse(place, "pattern is no text");
  const Regex regex =
      parse_regex(pattern->get_ref<const std::string&>(), fmt::format("JSON schema: pattern at {}", place));
  const auto quoted = [](ByteNfa& nfa, ByteNfa::State from, ByteNfa::State to) {
    const auto begin = nfa.add_state(), end = nfa.add_state();
    nfa.add_edge(from, '"', '"', begin);
    nfa.add_edge(end, '"', '"', to);
    return std::pair(begin, end);
  };
  const std::string nothing = "no text has this pattern and length";
  GrammarNode node = automaton(place, nothing, [&](ByteNfa& nfa, auto from, auto to) {
    const auto [begin, end] = quoted(nfa, from, to);
    add_regex(nfa, regex, RegexText::JsonString, RegexMatch::Anywhere, begin, end);
  });
  if (least == 0 && most == kUnbounded) return node;
  const GrammarNode lengths = automaton(place, nothing, [&](ByteNfa& nfa, auto from, auto to) {
    const auto [begin, end] = quoted(nfa, from, to);
    add_any_text(nfa, RegexText::JsonString, least, most == kUnbounded ? Regex::kUnbounded : most, begin, end);
  });
  node.automaton = ByteAutomaton::intersection(node.automaton, lengths.automaton, budget_);
  if (node.automaton.empty()) refuse(place, nothing);
  return node;
}

GrammarNode SchemaCompiler::make_integer(const Json& schema, const std::string& place) {
  constexpr std::int64_t kPlain = 999'999'999'999'999;  // 15 digits: exact in a double
  const Json* const bounds[] = {read_bound(schema, place, "minimum"), read_bound(schema, place, "exclusiveMinimum"),
                                read_bound(schema, place, "maximum"), read_bound(schema, place, "exclusiveMaximum")};
  const bool bounded = std::any_of(std::begin(bounds), std::end(bounds), [](const Json* b) { return b != nullptr; });
  std::int64_t low = bounded ? std::numeric_limits<std::int64_t>::min() : -kPlain;
  std::int64_t high = bounded ? std::numeric_limits<std::int64_t>::max() : kPlain;
  bool none = false;
  for (int i = 0; i < 2; ++i) {
    if (bounds[i]) low = std::max(low, integer_bound(*bounds[i], Rounding::Up, i == 1, none));
    if (bounds[i + 2]) high = std::min(high, integer_bound(*bounds[i + 2], Rounding::Down, i == 1, none));
  }
  if (none || low > high) refuse(place, "no integer lies within these bounds");
  return automaton(place, "no integer lies within these bounds",
                   [&](ByteNfa& nfa, auto from, auto to) { add_integers(nfa, low, high, from, to); });
}

GrammarNode SchemaCompiler::make_number(const Json& schema, const std::string& place) {
  const Json* const bounds[] = {read_bound(schema, place, "minimum"), read_bound(schema, place, "exclusiveMinimum"),
                                read_bound(schema, place, "maximum"), read_bound(schema, place, "exclusiveMaximum")};
  const std::string nothing = fmt::format("no number of {} digits lies within these bounds", kDecimalDigits);
  if (std::none_of(std::begin(bounds), std::end(bounds), [](const Json* b) { return b != nullptr; })) {
    static const Regex kForm = parse_regex(R"(-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?)", "numbers");
    return automaton(place, nothing, [&](ByteNfa& nfa, auto from, auto to) {
      add_regex(nfa, kForm, RegexText::Plain, RegexMatch::Whole, from, to);
    });
  }
  Decimal low = -decimal_limit(), high = decimal_limit();
  for (int i = 0; i < 2; ++i) {
    if (bounds[i]) low = std::max(low, decimal_bound(*bounds[i], Rounding::Up, i == 1));
    if (bounds[i + 2]) high = std::min(high, decimal_bound(*bounds[i + 2], Rounding::Down, i == 1));
  }
  if (low > high) refuse(place, nothing);
  return automaton(place, nothing, [&](ByteNfa& nfa, auto from, auto to) { add_decimals(nfa, low, high, from, to); });
}

GrammarNode SchemaCompiler::make_array(const Json& schema, const std::string& place) {
  if (!schema.contains("items")) refuse(place, "an array without items");
  GrammarNode node{.kind = GrammarNode::Kind::Array};
  node.min_count = read_count(schema, place, "minItems", 0);
  node.max_count = read_count(schema, place, "maxItems", kUnbounded);
  if (node.min_count > kMaxMinimum) refuse(place, fmt::format("minItems is above {}", kMaxMinimum));
  if (node.min_count > node.max_count) refuse(place, "minItems is above maxItems");
  node.item = reserve(schema["items"], child_place(place, "items"));
  return node;
}

GrammarNode SchemaCompiler::make_object(const Json& schema, const std::string& place) {
  if (schema.contains("additionalProperties") && schema["additionalProperties"] != false)
    refuse(place, "not supported: additionalProperties other than false");
  const Json properties = schema.contains("properties") ? schema["properties"] : Json::object();
  const Json required = schema.contains("required") ? schema["required"] : Json::array();
  if (!properties.is_object()) refuse(place, "properties is no object");
  if (!required.is_array()) refuse(place, "required is no list of names");
  if (properties.size() > kMaxProperties) refuse(place, fmt::format("more than {} properties", kMaxProperties));
  std::set<std::string> names;
  for (const Json& name : required) {
    if (!name.is_string()) refuse(place, "required is no list of names");
    if (!properties.contains(name.get<std::string>()))
      refuse(place, "required names " + name.get<std::string>() + ", which is no property,");
    names.insert(name.get<std::string>());
  }
  GrammarNode node{.kind = GrammarNode::Kind::Object};
  if (!schema.contains("properties")) return node;
  // From the document itself: places are known by their address.
  for (const auto& [key, value] : schema["properties"].items()) {
    const int child = reserve(value, child_place(child_place(place, "properties"), key));
    node.properties.push_back({.key = json_text(Json(key)), .node = child, .required = names.contains(key)});
  }
  return node;
}

Grammar::Grammar(std::string_view json_schema, const AutomatonLimits& limits) {
  if (json_schema.size() > kMaxSchema) refuse("#", fmt::format("longer than {} bytes", kMaxSchema));
  const Json schema = parse_untrusted_ordered_json(
      json_schema,
      {.place = "JSON schema:", .hint = "give one JSON object", .max_depth = kMaxSchemaDepth, .kind = Kind::User});
  SchemaCompiler(*this, schema, limits).compile();
}

}  // namespace faqsmith
