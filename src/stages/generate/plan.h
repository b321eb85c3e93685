// Which facts are taken up, before any request: quotas a section by its size, a cap a source. Pure functions.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "faq/fact_finder.h"
#include "stages/generate/generate.h"

namespace faqsmith {

struct SectionFacts {
  SectionRow section;
  std::vector<FoundFact> facts;
};

struct FactPlan {
  std::vector<SectionFacts> sections;  // those with at least one fact
  std::map<std::string, double>
      withheld;  // "redacted e_mail": answers changed; "dropped secret", "dropped card_number": facts left out
};

// Facts of all sections, thinned to options.max_facts: harvested ones first, then a share of each section by its size.
[[nodiscard]] FactPlan plan_facts(const std::vector<SectionRow>& sections, const GenerateOptions& options,
                                  const ChatModel& teacher);

// How many of each section's facts to take: all if they fit into most; else in proportion, at least one each while
// that fits. counts: facts a section.
[[nodiscard]] std::vector<std::size_t> share_out(const std::vector<std::size_t>& counts, std::size_t most);

}  // namespace faqsmith
