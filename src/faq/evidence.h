// The evidence gate: what an answer says must stand in the document.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

// True if quote occurs in section when runs of white space count as one space and fences and list marks are ignored.
[[nodiscard]] bool quote_in_section(std::string_view quote, std::string_view section);

// Names of the faults: quote_missing, number_not_in_source, name_not_in_source. heading: also counts as source text.
[[nodiscard]] std::vector<std::string> evidence_faults(std::string_view answer, std::string_view quote,
                                                       std::string_view section, std::string_view heading);

// Numbers and names of a question that neither its source nor its original question holds, e.g. an invented version.
[[nodiscard]] std::vector<std::string> invented_terms(std::string_view question, std::string_view source);

}  // namespace faqsmith
