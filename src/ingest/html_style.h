// Whether markup hides an element from a reader: attributes, inline style, and the simple rules of the page's own
// <style>.
#pragma once
#include <set>
#include <string>
#include <string_view>

namespace faqsmith {

// True for declarations such as display:none, visibility:hidden, font-size:0, opacity:0, or a place off the page.
[[nodiscard]] bool style_hides(std::string_view declarations);

// Selectors (".class", "#id", one each) of a style sheet whose declarations hide. Rules inside @media and compound
// selectors are left out: what they hide depends on more than the element.
[[nodiscard]] std::set<std::string, std::less<>> hiding_selectors(std::string_view style_sheet);

}  // namespace faqsmith
