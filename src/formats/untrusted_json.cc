// The parser asks a callback at each step, so that a refused file costs no more than what was read of it.
#include "formats/untrusted_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/error.h"

namespace faqsmith {

using nlohmann::json;

json parse_untrusted_json(std::string_view text, const JsonRules& rules) {
  const auto refuse = [&](const std::string& reason) {
    throw Error(Kind::Input, fmt::format("{} {}", rules.place, reason), rules.hint);
  };
  std::vector<std::set<std::string>> keys;  // of the objects that are open, outermost first
  const json::parser_callback_t check = [&](int depth, json::parse_event_t event, json& value) {
    const bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (opens && depth >= rules.max_depth) refuse("is nested too deeply");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      refuse(fmt::format("has the key \"{}\" twice", value.get<std::string>()));
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception& e) {
    refuse(fmt::format("is no JSON: {}", e.what()));
  }
  return {};
}

}  // namespace faqsmith
