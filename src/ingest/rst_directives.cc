// One table; a domain's directives are known by what stands after the colon.
#include "ingest/rst_directives.h"

#include <array>
#include <string>

#include "base/strings.h"

namespace faqsmith {
namespace {

using enum RstTreatment;

struct Row {
  RstTreatment treatment;
  std::string_view names;  // separated by spaces
};

constexpr auto kRows = std::to_array<Row>({
    {Drop,
     "include literalinclude raw toctree contents local-toc sectnum section-numbering meta index highlight "
     "highlightlang currentmodule module py:module py:currentmodule default-role role default-domain target-notes "
     "header footer tabularcolumns todo todolist graphviz digraph graph inheritance-diagram plot mermaid uml plantuml "
     "automodule autoclass autofunction autosummary autodata automethod autoattribute autoexception acks testsetup "
     "testcleanup date title unicode bibliography sectionauthor codeauthor moduleauthor "
     "program c:namespace cpp:namespace"},
    {Body, "only ifconfig class rst-class container glossary hlist tabs tab-set grid card-carousel tabbed details"},
    {Labelled,
     "attention caution danger error hint important note tip warning seealso impl-detail availability compound "
     "epigraph "
     "highlights pull-quote"},
    {Titled, "admonition topic sidebar dropdown tab tab-item group-tab collapse card grid-item-card question"},
    {Version, "versionadded versionchanged versionremoved deprecated deprecated-removed"},
    {Title, "rubric"},
    {Paragraph, "centered"},
    {Code,
     "code code-block sourcecode parsed-literal literal-block doctest testcode testoutput ipython prompt console math "
     "productionlist code-cell jupyter-execute jinja"},
    {Image, "image"},
    {Figure, "figure"},
    {RstTreatment::Table, "table"},
    {ListTable, "list-table flat-table"},
    {CsvTable, "csv-table"},
    {Object,
     "function method classmethod staticmethod attribute data exception decorator decoratormethod property "
     "describe object option cmdoption envvar confval setting macro type member var struct enum enumerator union "
     "opcode pdbcommand 2to3fixer django-admin templatetag templatefilter fieldlookup command"},
});

struct Label {
  std::string_view name, label;
};
constexpr auto kLabels = std::to_array<Label>({
    {"attention", "Attention"},
    {"caution", "Caution"},
    {"danger", "Danger"},
    {"error", "Error"},
    {"hint", "Hint"},
    {"important", "Important"},
    {"note", "Note"},
    {"tip", "Tip"},
    {"warning", "Warning"},
    {"seealso", "See also"},
    {"impl-detail", "Implementation detail"},
    {"availability", "Availability"},
    {"versionadded", "New in version"},
    {"versionchanged", "Changed in version"},
    {"versionremoved", "Removed in version"},
    {"deprecated", "Deprecated since version"},
    {"deprecated-removed", "Deprecated since version"},
});

bool lists(std::string_view names, std::string_view name) {
  for (std::size_t at = names.find(name); at != std::string_view::npos; at = names.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || names[at - 1] == ' ') && (end == names.size() || names[end] == ' ')) return true;
  }
  return false;
}

}  // namespace

RstDirective rst_directive(std::string_view name) {
  const std::string whole = lower_ascii(name);
  RstDirective out;
  // ".. py:class::" describes a class, ".. class::" gives the next element a style.
  const std::size_t colon = whole.rfind(':');
  const std::string_view local = colon == std::string::npos ? whole : std::string_view(whole).substr(colon + 1);
  if (colon != std::string::npos && local == "class") {
    out.treatment = Object;
    return out;
  }
  for (const Row& row : kRows) {
    if (!lists(row.names, whole) && !lists(row.names, local)) continue;
    out.treatment = row.treatment;
    break;
  }
  for (const Label& label : kLabels) {
    if (label.name == local) out.label = label.label;
  }
  return out;
}

}  // namespace faqsmith
