// Which elements of a page are no text of it: told by the element, its role and its class names.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ingest/html_tags.h"

namespace faqsmith {

// Attributes of one element as libxml2 hands them over: name, value, …, nullptr (value may be null).
class Attributes {
 public:
  explicit Attributes(const unsigned char* const* pairs) : pairs_(pairs) {}
  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view{}); }
  [[nodiscard]] int number(std::string_view name, int otherwise) const;

 private:
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  const unsigned char* const* pairs_;
};

using Selectors = std::set<std::string, std::less<>>;

// Why the element and all inside it is left out: a name of ingest/document.h's dropped counters, "" for what never was
// text (scripts, buttons, permalinks), nothing for an element to keep. hiding: see hiding_selectors(). in_main: inside
// <main> or <article>.
[[nodiscard]] std::optional<std::string_view> reason_to_skip(TagRole role, const Attributes& attributes,
                                                             const Selectors& hiding, bool in_main);

}  // namespace faqsmith
