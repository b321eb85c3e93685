// Thousands of random schemas: what the automaton lets through is valid by a validator of our own, and random valid
// values are let through. tests/grammar_test.py repeats it with PyPI's jsonschema, patterns included.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "base/rng.h"
#include "infer/grammar.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

const Json& resolved(const Json& schema, const Json& document) {
  const Json* at = &schema;
  while (at->contains("$ref")) {
    const auto reference = (*at)["$ref"].get<std::string>();
    at = reference == "#" ? &document : &document["$defs"][reference.substr(8)];
  }
  return *at;
}

std::int64_t n_characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

bool in_bounds(const Json& schema, const Json& value) {
  const auto at_least = [&](const Json& bound) {
    return bound.is_number_integer() && value.is_number_integer()
               ? value.get<std::int64_t>() >= bound.get<std::int64_t>()
               : value.get<double>() >= bound.get<double>();
  };
  const auto at_most = [&](const Json& bound) {
    return bound.is_number_integer() && value.is_number_integer()
               ? value.get<std::int64_t>() <= bound.get<std::int64_t>()
               : value.get<double>() <= bound.get<double>();
  };
  if (schema.contains("minimum") && !at_least(schema["minimum"])) return false;
  if (schema.contains("maximum") && !at_most(schema["maximum"])) return false;
  if (schema.contains("exclusiveMinimum") && at_most(schema["exclusiveMinimum"])) return false;
  return !schema.contains("exclusiveMaximum") || !at_least(schema["exclusiveMaximum"]);
}

bool valid(const Json& place, const Json& value, const Json& document) {
  const Json& schema = resolved(place, document);
  const auto matches = [&](const Json& branch) { return valid(branch, value, document); };
  if (schema.contains("anyOf")) return std::any_of(schema["anyOf"].begin(), schema["anyOf"].end(), matches);
  if (schema.contains("oneOf")) return std::count_if(schema["oneOf"].begin(), schema["oneOf"].end(), matches) == 1;
  if (schema.contains("const")) return value == schema["const"];
  if (schema.contains("enum"))
    return std::find(schema["enum"].begin(), schema["enum"].end(), value) != schema["enum"].end();
  Json types = schema["type"];
  if (types.is_string()) types = Json::array({types});
  for (const Json& entry : types) {
    const auto type = entry.get<std::string>();
    if (type == "null" && value.is_null()) return true;
    if (type == "boolean" && value.is_boolean()) return true;
    if (type == "integer" && value.is_number_integer() && in_bounds(schema, value)) return true;
    if (type == "number" && value.is_number() && in_bounds(schema, value)) return true;
    if (type == "string" && value.is_string()) {
      const auto n = n_characters(value.get<std::string>());
      return n >= schema.value("minLength", std::int64_t{0}) && n <= schema.value("maxLength", std::int64_t{1} << 40);
    }
    if (type == "array" && value.is_array()) {
      const auto n = static_cast<std::int64_t>(value.size());
      return n >= schema.value("minItems", std::int64_t{0}) && n <= schema.value("maxItems", std::int64_t{1} << 40) &&
             std::all_of(value.begin(), value.end(),
                         [&](const Json& item) { return valid(schema["items"], item, document); });
    }
    if (type == "object" && value.is_object()) {
      for (const Json& name : schema["required"]) {
        if (!value.contains(name.get<std::string>())) return false;
      }
      return std::all_of(value.items().begin(), value.items().end(), [&](const auto& item) {
        return schema["properties"].contains(item.key()) &&
               valid(schema["properties"][item.key()], item.value(), document);
      });
    }
  }
  return false;
}

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : rng_(seed) {}

  Json document() {
    Json out = schema(3);
    if (rng_.below(3) > 0) return out;
    // A definition that uses itself where it may be left out.
    Json tree = {{"type", "object"},
                 {"properties",
                  {{"v", schema(1)},
                   {"l", {{"$ref", "#/$defs/t"}}},
                   {"s", {{"type", "array"}, {"items", {{"$ref", "#/$defs/t"}}}, {"maxItems", 2}}}}},
                 {"required", {"v"}},
                 {"additionalProperties", false}};
    Json wrapped = {
        {"type", "array"}, {"items", {{"anyOf", {{{"$ref", "#/$defs/t"}}, out}}}}, {"minItems", 1}, {"maxItems", 3}};
    wrapped["$defs"]["t"] = tree;
    return wrapped;
  }

  Json schema(int depth) {
    switch (rng_.below(depth > 0 ? 12 : 8)) {
      case 0:
        return {{"type", "null"}};
      case 1:
        return {{"type", "boolean"}};
      case 2:
        return bounded("integer");
      case 3:
        return bounded("number");
      case 4:
      case 5:
        return text();
      case 6:
        return {{"enum", {1, "one", nullptr, "once", 1.5, false, 15, {{"a", {1, "x"}}}, "\xC3\xA9\n\""}}};
      case 7:
        return {{"type", {"integer", "null", "string"}}, {"minimum", 3}, {"maxLength", 4}};
      case 8:
        return {{"anyOf", {schema(depth - 1), schema(depth - 1), schema(0)}}};
      case 9: {
        Json out = {{"oneOf", Json::array()}};
        out["oneOf"].push_back(tagged("a", depth));
        out["oneOf"].push_back(tagged("b", depth));
        if (rng_.below(2) == 0) out["oneOf"].push_back({{"type", "null"}});
        return out;
      }
      case 10: {
        Json out = {{"type", "array"}, {"items", schema(depth - 1)}};
        if (rng_.below(2) == 0) out["minItems"] = rng_.below(3);
        if (rng_.below(2) == 0) out["maxItems"] = 2 + rng_.below(3);
        return out;
      }
      default:
        return object(depth);
    }
  }

  // A random value that the schema allows, with keys in its order and numbers in the stated form.
  Json value(const Json& place, const Json& document, int depth = 0) {
    const Json& schema = resolved(place, document);
    for (const char* key : {"anyOf", "oneOf"}) {
      if (schema.contains(key)) return value(schema[key][rng_.below(schema[key].size())], document, depth);
    }
    if (schema.contains("const")) return schema["const"];
    if (schema.contains("enum")) return schema["enum"][rng_.below(schema["enum"].size())];
    Json types = schema["type"];
    const auto type = (types.is_array() ? types[rng_.below(types.size())] : types).get<std::string>();
    if (type == "null") return nullptr;
    if (type == "boolean") return rng_.below(2) == 0;
    if (type == "integer" || type == "number") return number(schema, type == "integer");
    if (type == "string") {
      const std::int64_t least = schema.value("minLength", std::int64_t{0}),
                         most = schema.value("maxLength", least + 6);
      std::string out;
      const std::string_view kParts[] = {"a", "\"", "\\", "\n", "\x01", "\xC3\xA9", "\xF0\x9F\x98\x80", " ", "/"};
      for (auto n = least + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(most - least) + 1)); n > 0;
           --n)
        out += kParts[rng_.below(std::size(kParts))];
      return out;
    }
    if (type == "array") {
      const auto least = schema.value("minItems", 0u), most = std::max(least, schema.value("maxItems", least + 2));
      Json out = Json::array();
      for (auto n = least + (depth > 4 ? 0 : rng_.below(most - least + 1)); n > 0; --n)
        out.push_back(value(schema["items"], document, depth + 1));
      return out;
    }
    Json out = Json::object();
    for (const auto& [key, child] : schema["properties"].items()) {
      const bool required =
          std::find(schema["required"].begin(), schema["required"].end(), key) != schema["required"].end();
      if (required || (depth <= 4 && rng_.below(2) == 0)) out[key] = value(child, document, depth + 1);
    }
    return out;
  }

  Rng& rng() { return rng_; }

 private:
  Json bounded(const char* type) {
    Json out = {{"type", type}};
    const auto low = static_cast<std::int64_t>(rng_.below(4000)) - 2000;
    if (rng_.below(3) > 0) out[rng_.below(2) == 0 ? "minimum" : "exclusiveMinimum"] = low;
    if (rng_.below(3) > 0)
      out[rng_.below(2) == 0 ? "maximum" : "exclusiveMaximum"] = low + 2 + static_cast<std::int64_t>(rng_.below(500));
    if (std::string_view(type) == "number" && rng_.below(2) == 0 && out.contains("minimum"))
      out["minimum"] = static_cast<double>(low) + 0.25;
    return out;
  }
  Json text() {
    Json out = {{"type", "string"}};
    const std::int64_t least = static_cast<std::int64_t>(rng_.below(4));
    if (rng_.below(2) == 0) out["minLength"] = least;
    if (rng_.below(2) == 0) out["maxLength"] = least + static_cast<std::int64_t>(rng_.below(6));
    return out;
  }
  Json object(int depth) {
    Json out = {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
    const char* const kNames[] = {"a", "ab", "abc", "b", "x\"y", "\xC3\xA9"};
    for (const char* name : kNames) {
      if (rng_.below(3) == 0) continue;
      out["properties"][name] = schema(depth - 1);
      if (rng_.below(2) == 0) out["required"].push_back(name);
    }
    return out;
  }
  Json tagged(const char* tag, int depth) {
    return {{"type", "object"},
            {"properties", {{"x", schema(depth - 1)}, {"tag", {{"const", tag}}}, {"y", schema(0)}}},
            {"required", {"tag"}}};
  }
  Json number(const Json& schema, bool integer) {
    const std::int64_t unit = integer ? 1 : 100;  // numbers are hundredths
    double low = -5000, high = 5000;
    if (schema.contains("minimum")) low = schema["minimum"].get<double>();
    if (schema.contains("exclusiveMinimum"))
      low = schema["exclusiveMinimum"].get<double>() + 1.0 / static_cast<double>(unit);
    if (schema.contains("maximum")) high = schema["maximum"].get<double>();
    if (schema.contains("exclusiveMaximum"))
      high = schema["exclusiveMaximum"].get<double>() - 1.0 / static_cast<double>(unit);
    if (low > high)
      (schema.contains("maximum") || schema.contains("exclusiveMaximum") ? low : high) = std::min(low, high);
    const auto first = static_cast<std::int64_t>(std::ceil(low * static_cast<double>(unit) - 1e-6));
    const auto last = static_cast<std::int64_t>(std::floor(high * static_cast<double>(unit) + 1e-6));
    const std::int64_t drawn =
        first +
        static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(last - first, 0)) + 1));
    return integer ? Json(drawn) : Json(static_cast<double>(drawn) / 100);
  }

  Rng rng_;
};

// Random accepted bytes, then the closing text.
std::string walk(const Grammar& grammar, Rng& rng, int n_steps) {
  GrammarState state(grammar);
  std::string text;
  for (int step = 0; step < n_steps && !state.must_end(); ++step) {
    const std::size_t first = rng.below(4) > 0 ? 0x20 + rng.below(0x60) : rng.below(256);
    for (std::size_t i = 0; i < 256; ++i) {
      const char byte = static_cast<char>((first + i * 77) % 256);
      GrammarState next = state;
      if (!next.advance({&byte, 1})) continue;
      state = next;
      text += byte;
      break;
    }
  }
  return text + state.closing();
}

TEST(SchemaWalk, WhatIsAcceptedIsValidAndValidValuesAreAccepted) {
  int n_walks = 0;
  for (std::uint64_t seed = 0; seed < 2500; ++seed) {
    Maker maker(seed);
    const Json document = maker.document();
    const Grammar grammar(json_text(document));
    for (int i = 0; i < 3; ++i, ++n_walks) {
      const std::string text = walk(grammar, maker.rng(), 5 + static_cast<int>(maker.rng().below(80)));
      ASSERT_TRUE(Json::accept(text)) << json_text(document) << "\n" << text;
      ASSERT_TRUE(valid(document, parse_ordered_json(text), document)) << json_text(document) << "\n" << text;
    }
    for (int i = 0; i < 3; ++i) {
      const Json value = maker.value(document, document);
      if (!valid(document, value, document)) continue;  // bounds that leave no hundredth
      GrammarState state(grammar);
      EXPECT_TRUE(state.advance(json_text(value)) && state.may_end()) << json_text(document) << "\n"
                                                                      << json_text(value);
      // What the text of a valid value continues with, invalidates it, except further digits.
      std::string changed = json_text(value);
      changed.insert(maker.rng().below(changed.size() + 1), 1, "x,0]}\"\\-"[maker.rng().below(8)]);
      GrammarState other(grammar);
      if (other.advance(changed) && other.may_end()) {
        ASSERT_TRUE(Json::accept(changed)) << changed;
        EXPECT_TRUE(valid(document, parse_ordered_json(changed), document)) << json_text(document) << "\n" << changed;
      }
    }
  }
  EXPECT_EQ(n_walks, 7500);
}

// Hazard 17: bytes that are no schema, and schemas with a piece missing, changed or doubled.
TEST(SchemaWalk, BrokenSchemasAreRefusedAndNeverCrash) {
  int n_refused = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Maker maker(seed);
    std::string text = json_text(maker.document());
    for (std::uint64_t n = 1 + maker.rng().below(4); n > 0; --n) {
      const std::size_t at = maker.rng().below(text.size());
      const std::size_t length = 1 + maker.rng().below(std::min<std::size_t>(12, text.size() - at));
      if (maker.rng().below(3) == 0)
        text.erase(at, length);
      else if (maker.rng().below(2) == 0)
        text.insert(at, text.substr(at, length));
      else
        text[at] = static_cast<char>(maker.rng().below(256));
      if (text.empty()) text = "{";
    }
    try {
      const Grammar grammar(text);
      const std::string made = walk(grammar, maker.rng(), 30);
      EXPECT_TRUE(Json::accept(made)) << text << "\n" << made;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::User) << e.what();
      ++n_refused;
    }
  }
  EXPECT_GT(n_refused, 1000);
}

}  // namespace
}  // namespace faqsmith
