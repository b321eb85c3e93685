// What each HTML element means to the reader: one table, one row an element.
#pragma once
#include <cstdint>
#include <string_view>

namespace faqsmith {

enum class TagRole : std::uint8_t {
  Inline,   // everything not listed
  Block,    // ends the paragraph before and after it
  Heading,  // h1 … h6
  Paragraph,
  ListRoot,  // ul, ol, menu
  ListItem,
  DefinitionList,
  Term,
  Definition,
  Details,
  Summary,
  Pre,
  Table,
  Row,
  Cell,
  TableHead,  // thead
  LineBreak,
  Bold,
  Link,
  Title,
  Style,
  Main,        // main, article: headers inside belong to the text
  PageHeader,  // header, footer: page furniture unless inside Main
  Navigation,  // nav, aside
  Ignored,     // script, templates, controls: no text for readers
  Root,        // html: carries the language
};

struct TagInfo {
  std::string_view name;
  TagRole role;
  int level = 0;  // Heading
};

// name: lower case, as libxml2 gives it.
[[nodiscard]] TagInfo tag_info(std::string_view name);

}  // namespace faqsmith
