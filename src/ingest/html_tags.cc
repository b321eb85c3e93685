// The table, sorted by name for the search.
#include "ingest/html_tags.h"

#include <algorithm>
#include <array>

namespace faqsmith {
namespace {

constexpr auto kTags = std::to_array<TagInfo>({
    {"a", TagRole::Link},           {"address", TagRole::Block},
    {"article", TagRole::Main},     {"aside", TagRole::Navigation},
    {"audio", TagRole::Ignored},    {"b", TagRole::Bold},
    {"blockquote", TagRole::Block}, {"body", TagRole::Block},
    {"br", TagRole::LineBreak},     {"button", TagRole::Ignored},
    {"canvas", TagRole::Ignored},   {"caption", TagRole::Paragraph},
    {"center", TagRole::Block},     {"dd", TagRole::Definition},
    {"details", TagRole::Details},  {"dir", TagRole::ListRoot},
    {"div", TagRole::Block},        {"dl", TagRole::DefinitionList},
    {"dt", TagRole::Term},          {"embed", TagRole::Ignored},
    {"fieldset", TagRole::Block},   {"figcaption", TagRole::Paragraph},
    {"figure", TagRole::Block},     {"footer", TagRole::PageHeader},
    {"form", TagRole::Block},       {"h1", TagRole::Heading, 1},
    {"h2", TagRole::Heading, 2},    {"h3", TagRole::Heading, 3},
    {"h4", TagRole::Heading, 4},    {"h5", TagRole::Heading, 5},
    {"h6", TagRole::Heading, 6},    {"header", TagRole::PageHeader},
    {"hgroup", TagRole::Block},     {"hr", TagRole::Block},
    {"html", TagRole::Root},        {"iframe", TagRole::Ignored},
    {"li", TagRole::ListItem},      {"main", TagRole::Main},
    {"map", TagRole::Ignored},      {"menu", TagRole::ListRoot},
    {"nav", TagRole::Navigation},   {"noframes", TagRole::Ignored},
    {"noscript", TagRole::Ignored}, {"object", TagRole::Ignored},
    {"ol", TagRole::ListRoot},      {"p", TagRole::Paragraph},
    {"pre", TagRole::Pre},          {"script", TagRole::Ignored},
    {"section", TagRole::Block},    {"select", TagRole::Ignored},
    {"strong", TagRole::Bold},      {"style", TagRole::Style},
    {"summary", TagRole::Summary},  {"svg", TagRole::Ignored},
    {"table", TagRole::Table},      {"tbody", TagRole::Block},
    {"td", TagRole::Cell},          {"template", TagRole::Ignored},
    {"textarea", TagRole::Ignored}, {"tfoot", TagRole::Block},
    {"th", TagRole::Cell},          {"thead", TagRole::TableHead},
    {"title", TagRole::Title},      {"tr", TagRole::Row},
    {"ul", TagRole::ListRoot},      {"video", TagRole::Ignored},
});

static_assert(std::is_sorted(kTags.begin(), kTags.end(),
                             [](const TagInfo& a, const TagInfo& b) { return a.name < b.name; }));

}  // namespace

TagInfo tag_info(std::string_view name) {
  const auto* found = std::lower_bound(kTags.begin(), kTags.end(), name,
                                       [](const TagInfo& tag, std::string_view wanted) { return tag.name < wanted; });
  if (found != kTags.end() && found->name == name) return *found;
  return {name, TagRole::Inline};
}

}  // namespace faqsmith
