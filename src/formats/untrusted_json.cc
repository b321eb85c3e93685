// The parser asks a callback at each step, so that a refused file costs no more than what was read of it.
#include "formats/untrusted_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace faqsmith {
namespace {

template <class Json>
Json parse(std::string_view text, const JsonRules& rules) {
  const auto refuse = [&](const std::string& reason) {
    throw Error(rules.kind, fmt::format("{} {}", rules.place, reason), rules.hint);
  };
  std::vector<std::set<std::string>> keys;  // of the objects that are open, outermost first
  const typename Json::parser_callback_t check = [&](int depth, typename Json::parse_event_t event, Json& value) {
    const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= rules.max_depth) refuse("is nested too deeply");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.template get<std::string>()).second) {
      refuse(fmt::format("has the key \"{}\" twice", value.template get<std::string>()));
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const nlohmann::json::exception& e) {
    refuse(fmt::format("is no JSON: {}", e.what()));
  }
  return {};
}

}  // namespace

nlohmann::json parse_untrusted_json(std::string_view text, const JsonRules& rules) {
  return parse<nlohmann::json>(text, rules);
}

nlohmann::ordered_json parse_untrusted_ordered_json(std::string_view text, const JsonRules& rules) {
  return parse<nlohmann::ordered_json>(text, rules);
}

}  // namespace faqsmith
