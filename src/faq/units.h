// Cuts a section's plain text into units that may stand in an answer: sentences, list items, code blocks, table rows.
// Promise: a unit is never part of a sentence, and its bytes are a substring of the section. Linear time, no recursion.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

enum class UnitKind { Sentence, Item, Code, Row };

struct Unit {
  UnitKind kind = UnitKind::Sentence;
  std::string_view text;  // substring of the section, trimmed; a code unit keeps its fences, an item its "- "
  std::size_t block = 0;  // units of one paragraph or one list share it
};

// section: paragraphs separated by empty lines, list items start with "- ", code fenced by ``` (see store/schema.sql).
[[nodiscard]] std::vector<Unit> units_of(std::string_view section);

// The sentences of one paragraph. Abbreviations, initials, version numbers and file names end no sentence.
[[nodiscard]] std::vector<std::string_view> sentences_of(std::string_view paragraph);

// What a reader sees of a piece of a section: fences and list marks at its start removed, white space inside sentences
// collapsed, items and code lines on their own lines.
[[nodiscard]] std::string readable(std::string_view piece);

// White space runs become one space, ends trimmed.
[[nodiscard]] std::string squeeze(std::string_view text);

}  // namespace faqsmith
