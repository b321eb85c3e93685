// Facts of a section: what the bot may learn to say, cut from the text in whole sentences.
// Promise: a pure function of its arguments; every quote is verbatim from the section. No model is asked.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "store/records.h"

namespace faqsmith {

struct FactRules {
  int answer_max_tokens = 64;  // of the teacher's tokenizer
  int more_facts = 0;          // of a section that asks: facts beside the one that its question introduces
  int tokens_per_fact = 40;    // of a section that asks nothing: one fact for every so many tokens of it, at most
  std::function<int(std::string_view)> count_tokens;
};

// Whether a section opens what its heading announces or carries on a section before it that was too long.
enum class Place { Opens, CarriesOn };

struct FoundFact {
  FactRow fact;          // id 0; section_id, key, origin, quote, answer and heading are set
  std::string question;  // harvest only: the question as it stood in the document
};

// Harvest: a heading that asks with the text below it, a list item or paragraph that asks with the text after it, and
// "Q: … A: …". Everything else becomes quoted facts: one to three whole sentences, a list, a code block with its
// introduction, a table row. An answer that is longer than allowed becomes several facts; a sentence that is longer
// alone is left out, never cut.
[[nodiscard]] std::vector<FoundFact> find_facts(const SectionRow& section, const FactRules& rules,
                                                Place place = Place::Opens);

// The text that says where a section stands: bare headings joined by " > ".
[[nodiscard]] std::string heading_text(const std::vector<std::string>& heading_path);

}  // namespace faqsmith
