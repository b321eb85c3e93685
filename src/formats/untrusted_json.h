// JSON out of files that may lie: bounded in depth, no key twice in one object, one sentence for what is wrong. The
// size is bounded by who reads the file. No meaning of keys is known here.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace faqsmith {

struct JsonRules {
  std::string place;  // begins every sentence: "model/config.json", "x.safetensors: its header"
  std::string hint;
  int max_depth = 16;  // objects and arrays inside each other
  Kind kind = Kind::Input;
};
// Throws Error(rules.kind).
[[nodiscard]] nlohmann::json parse_untrusted_json(std::string_view text, const JsonRules& rules);
// The same, with keys in the order in which they stand.
[[nodiscard]] nlohmann::ordered_json parse_untrusted_ordered_json(std::string_view text, const JsonRules& rules);

}  // namespace faqsmith
