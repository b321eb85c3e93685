// What each directive of reStructuredText means for the text of a page: docutils' own, Sphinx's and common extensions.
#pragma once
#include <string_view>

namespace faqsmith {

enum class RstTreatment {
  Drop,        // no text of the page: settings, menus, other files (never followed), drawings, comments
  Body,        // the content, as if it stood there; an argument is no text
  Labelled,    // a note: its label (if it has one), then its text, which may begin in the directive's line
  Titled,      // the argument is a title in bold, the content its text
  Version,     // "New in version 3.2: text"; the label is followed by the first word of the argument
  Title,       // the argument alone, as a line in bold
  Paragraph,   // the argument alone, as text
  Code,        // lines kept as they are
  Image,       // its alternative text, if it is a sentence
  Figure,      // caption and legend
  Table,       // a caption and a table in the content
  ListTable,   // rows as a list of lists
  CsvTable,    // rows as lines of commas
  Object,      // a signature and its description: py:function, option, envvar …
  DefaultBody  // unknown: the content is kept
};

struct RstDirective {
  RstTreatment treatment = RstTreatment::DefaultBody;
  std::string_view label;  // Labelled, Version
};

// name: as it stands in the file ("py:function", "note"); case does not count.
[[nodiscard]] RstDirective rst_directive(std::string_view name);

}  // namespace faqsmith
