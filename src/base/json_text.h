// JSON to text and back. nlohmann's writer and parser are templates that cost seconds in each file that calls them;
// here they are compiled once. Texts of strangers have a reader of their own: formats/untrusted_json.h.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace faqsmith {

// On one line, or indented by so many spaces a level. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string json_text(const nlohmann::json& value, int indent = -1);
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& value, int indent = -1);
// The same on one line, with \u escapes for what is not ASCII.
[[nodiscard]] std::string json_ascii(const nlohmann::json& value);

// Throw nlohmann::json::parse_error. ordered: keys stay in the order in which they stand.
[[nodiscard]] nlohmann::json parse_json(std::string_view text);
[[nodiscard]] nlohmann::ordered_json parse_ordered_json(std::string_view text);
// Never throw: is_discarded() of the result says that the text is no JSON.
[[nodiscard]] nlohmann::json try_parse_json(std::string_view text);
[[nodiscard]] nlohmann::ordered_json try_parse_ordered_json(std::string_view text);

}  // namespace faqsmith
