// Schema text to grammar nodes. Every keyword is either obeyed or refused by name; recursion is bounded by kMaxDepth.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "infer/grammar.h"

namespace faqsmith {

using Json = nlohmann::ordered_json;  // keys keep the schema's order

namespace {

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxRange = 1000;        // an integer range becomes a list of literals
constexpr std::int64_t kMaxMinimum = 4096;      // minItems, minLength
constexpr std::size_t kMaxShortest = 1u << 16;  // bytes of the shortest text: nested minItems multiply

[[noreturn]] void refuse(const std::string& place, const std::string& what) {
  throw Error(Kind::User, fmt::format("JSON schema, {}: {}", place.empty() ? "top level" : place, what),
              "use type, properties, required, items, minItems, maxItems, minLength, maxLength, enum or const only");
}

std::string child_place(const std::string& place, const std::string& part) {
  return place.empty() ? part : place + "." + part;
}

void check_keywords(const Json& schema, const std::string& place, const std::set<std::string>& known) {
  static const std::set<std::string> kAnnotations = {"type", "title", "description", "$schema", "default", "examples"};
  for (const auto& [key, value] : schema.items()) {
    if (!known.contains(key) && !kAnnotations.contains(key)) refuse(place, key + " is not supported");
  }
}

std::int64_t read_count(const Json& schema, const std::string& place, const char* key, std::int64_t fallback) {
  const auto at = schema.find(key);
  if (at == schema.end()) return fallback;
  if (!at->is_number_integer() || at->get<std::int64_t>() < 0) refuse(place, std::string(key) + " must be a count");
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

}  // namespace

struct Grammar::Compiler {
  Grammar& grammar;

  int add(Node node, const std::string& place) {
    if (node.shortest.size() > kMaxShortest) refuse(place, "its shortest text is longer than 64 KiB");
    if (grammar.nodes_.size() >= 10000) refuse(place, "more than 10,000 values");
    grammar.nodes_.push_back(std::move(node));
    return static_cast<int>(grammar.nodes_.size()) - 1;
  }

  int compile(const Json& schema, const std::string& place, int depth) {
    if (depth > kMaxDepth) refuse(place, fmt::format("nested deeper than {} levels", kMaxDepth));
    if (!schema.is_object()) refuse(place, "a schema must be an object");
    if (schema.contains("enum") || schema.contains("const")) return compile_enum(schema, place);
    const auto at = schema.find("type");
    if (at == schema.end() || !at->is_string()) refuse(place, "type must be given, as one string");
    const std::string type = *at;
    if (type == "object") return compile_object(schema, place, depth);
    if (type == "array") return compile_array(schema, place, depth);
    if (type == "string") return compile_string(schema, place);
    if (type == "integer") return compile_integer(schema, place);
    check_keywords(schema, place, {});
    if (type == "number") return add({.kind = NodeKind::Number, .shortest = "0"}, place);
    if (type == "boolean") return add_choice({"true", "false"}, place);
    if (type == "null") return add_choice({"null"}, place);
    refuse(place, "type " + type + " is not supported");
  }

  int add_choice(std::vector<std::string> literals, const std::string& place) {
    if (literals.empty()) refuse(place, "no value is allowed");
    if (literals.size() > 30000) refuse(place, "more than 30,000 values");
    Node node{.kind = NodeKind::Choice};
    node.shortest = *std::min_element(literals.begin(), literals.end(),
                                      [](const auto& a, const auto& b) { return a.size() < b.size(); });
    node.literals = std::move(literals);
    return add(std::move(node), place);
  }

  int compile_enum(const Json& schema, const std::string& place) {
    check_keywords(schema, place, {"enum", "const"});
    if (schema.contains("enum") && schema.contains("const")) refuse(place, "enum beside const is not supported");
    if (schema.contains("enum") && !schema["enum"].is_array()) refuse(place, "enum must be an array");
    const Json values = schema.contains("const") ? Json::array({schema["const"]}) : schema["enum"];
    std::vector<std::string> literals;
    for (const auto& value : values) {
      if (schema.contains("type") && schema["type"].is_string() && !has_type(value, schema["type"])) {
        refuse(place, "the value " + value.dump() + " is not of its type");
      }
      literals.push_back(value.dump());
    }
    return add_choice(std::move(literals), place);
  }

  int compile_string(const Json& schema, const std::string& place) {
    check_keywords(schema, place, {"minLength", "maxLength"});
    Node node{.kind = NodeKind::String};
    node.min_count = read_count(schema, place, "minLength", 0);
    node.max_count = read_count(schema, place, "maxLength", kUnbounded);
    if (node.min_count > kMaxMinimum) refuse(place, fmt::format("minLength is above {}", kMaxMinimum));
    if (node.min_count > node.max_count) refuse(place, "minLength is above maxLength");
    node.shortest = '"' + std::string(static_cast<std::size_t>(node.min_count), '.') + '"';
    return add(std::move(node), place);
  }

  int compile_integer(const Json& schema, const std::string& place) {
    check_keywords(schema, place, {"minimum", "maximum"});
    const auto low = schema.find("minimum"), high = schema.find("maximum");
    if (low == schema.end() && high == schema.end()) return add({.kind = NodeKind::Integer, .shortest = "0"}, place);
    if (low == schema.end() || high == schema.end() || !low->is_number_integer() || !high->is_number_integer()) {
      refuse(place, "minimum and maximum are supported together only, both integers");
    }
    const auto first = low->get<std::int64_t>(), last = high->get<std::int64_t>();
    std::int64_t distance = 0;
    if (__builtin_sub_overflow(last, first, &distance) || distance < 0 || distance >= kMaxRange) {
      refuse(place, fmt::format("minimum and maximum must hold 1 to {} values", kMaxRange));
    }
    std::vector<std::string> literals;
    for (std::int64_t i = 0; i <= distance; ++i) literals.push_back(std::to_string(first + i));
    return add_choice(std::move(literals), place);
  }

  int compile_array(const Json& schema, const std::string& place, int depth) {
    check_keywords(schema, place, {"items", "minItems", "maxItems"});
    if (!schema.contains("items")) refuse(place, "items is missing");
    Node node{.kind = NodeKind::Array};
    node.item = compile(schema["items"], child_place(place, "items"), depth + 1);
    node.min_count = read_count(schema, place, "minItems", 0);
    node.max_count = read_count(schema, place, "maxItems", kUnbounded);
    if (node.min_count > kMaxMinimum) refuse(place, fmt::format("minItems is above {}", kMaxMinimum));
    if (node.min_count > node.max_count) refuse(place, "minItems is above maxItems");
    node.shortest = "[";
    for (std::int64_t i = 0; i < node.min_count && node.shortest.size() <= kMaxShortest; ++i) {
      node.shortest += (i == 0 ? "" : ",") + grammar.nodes_[static_cast<std::size_t>(node.item)].shortest;
    }
    node.shortest += ']';
    return add(std::move(node), place);
  }

  std::set<std::string> read_required(const Json& schema, const std::string& place) {
    std::set<std::string> required;
    if (!schema.contains("required")) return required;
    if (!schema["required"].is_array()) refuse(place, "required must be an array of names");
    for (const auto& name : schema["required"]) {
      if (!name.is_string()) refuse(place, "required must be an array of names");
      if (!schema.contains("properties") || !schema["properties"].contains(name.get<std::string>())) {
        refuse(place, "required names " + name.get<std::string>() + ", which is no property");
      }
      required.insert(name.get<std::string>());
    }
    return required;
  }

  int compile_object(const Json& schema, const std::string& place, int depth) {
    check_keywords(schema, place, {"properties", "required", "additionalProperties"});
    if (schema.contains("additionalProperties") && schema["additionalProperties"] != false) {
      refuse(place, "additionalProperties must be false");
    }
    const auto required = read_required(schema, place);
    Node node{.kind = NodeKind::Object};
    node.shortest = "{";
    if (schema.contains("properties")) {
      if (!schema["properties"].is_object()) refuse(place, "properties must be an object");
      for (const auto& [key, value] : schema["properties"].items()) {
        const int child = compile(value, child_place(place, "properties." + key), depth + 1);
        node.properties.push_back({.key = Json(key).dump(), .node = child, .required = required.contains(key)});
        if (!required.contains(key)) continue;
        if (node.shortest.size() > 1) node.shortest += ',';
        node.shortest += node.properties.back().key + ':' + grammar.nodes_[static_cast<std::size_t>(child)].shortest;
      }
    }
    node.shortest += '}';
    return add(std::move(node), place);
  }
};

Grammar::Grammar(std::string_view json_schema) {
  Json schema;
  try {
    schema = Json::parse(json_schema);
  } catch (const Json::exception& e) {
    refuse("", std::string("it is no valid JSON: ") + e.what());
  }
  Compiler compiler{*this};
  root_ = compiler.compile(schema, "", 1);
}

}  // namespace faqsmith
