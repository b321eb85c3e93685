// A scanner over declarations and top-level rules; linear in the text.
#include "ingest/html_style.h"

#include <array>

#include "base/strings.h"

namespace faqsmith {
namespace {

std::string compact(std::string_view css) {
  std::string out;
  out.reserve(css.size());
  for (const char c : lower_ascii(css)) {
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') out += c;
  }
  return out;
}

// "0", "0px", "0.0em": any number that is zero, with or without a unit.
bool is_zero(std::string_view value) {
  if (value.empty() || value[0] < '.' || value[0] > '9') return false;
  for (const char c : value) {
    if (c >= '1' && c <= '9') return false;
    if ((c < '0' || c > '9') && c != '.') break;
  }
  return true;
}

bool is_far_off(std::string_view value) {
  constexpr int kDigitsOffPage = 4;  // -1000px and more
  int digits = 0;
  if (value.size() < 2 || value[0] != '-') return false;
  for (const char c : value.substr(1)) {
    if (c < '0' || c > '9') break;
    ++digits;
  }
  return digits >= kDigitsOffPage;
}

bool declaration_hides(std::string_view declaration) {
  const std::size_t colon = declaration.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = declaration.substr(0, colon);
  std::string_view value = declaration.substr(colon + 1);
  if (const std::size_t mark = value.find('!'); mark != std::string_view::npos) value = value.substr(0, mark);
  if (name == "display") return value == "none";
  if (name == "visibility") return value == "hidden" || value == "collapse";
  if (name == "font-size" || name == "opacity") return is_zero(value);
  if (name == "color") return value == "transparent";
  if (name == "left" || name == "top" || name == "text-indent" || name == "margin-left") return is_far_off(value);
  return false;
}

bool is_simple_selector(std::string_view selector) {
  if (selector.size() < 2 || (selector[0] != '.' && selector[0] != '#')) return false;
  for (const char c : selector.substr(1)) {
    const bool word =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!word) return false;
  }
  return true;
}

// The end of the block that opens at `open` ('{'), nested blocks included.
std::size_t block_end(std::string_view css, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < css.size(); ++i) {
    if (css[i] == '{') ++depth;
    if (css[i] == '}' && --depth == 0) return i;
  }
  return css.size();
}

}  // namespace

bool style_hides(std::string_view declarations) {
  const std::string css = compact(declarations);
  for (const std::string_view declaration : split(css, ';')) {
    if (declaration_hides(declaration)) return true;
  }
  return false;
}

std::set<std::string, std::less<>> hiding_selectors(std::string_view style_sheet) {
  std::set<std::string, std::less<>> selectors;
  std::size_t at = 0;
  while (at < style_sheet.size()) {
    const std::size_t open = style_sheet.find('{', at);
    if (open == std::string_view::npos) break;
    const std::size_t close = block_end(style_sheet, open);
    const std::string_view head = trim(style_sheet.substr(at, open - at));
    const bool at_rule = !head.empty() && head[0] == '@';
    if (!at_rule && style_hides(style_sheet.substr(open + 1, close - open - 1))) {
      for (const std::string_view selector : split(head, ',')) {
        if (is_simple_selector(trim(selector))) selectors.emplace(trim(selector));
      }
    }
    at = close + 1;
  }
  return selectors;
}

}  // namespace faqsmith
