// Class names as generators of documentation, wikis and blogs use them. A name counts only as a whole token.
#include "ingest/html_furniture.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/strings.h"
#include "ingest/document.h"
#include "ingest/html_style.h"

namespace faqsmith {
namespace {

bool among(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<std::string_view> reason_of_name(std::string_view name, bool in_main) {
  if (among(name, {"toc", "table-of-contents", "tableofcontents", "bd-toc", "toctree-wrapper", "on-this-page"}))
    return dropped::kToc;
  if (among(name, {"nav",           "navbar",      "navheader",      "navfooter",     "navigation",    "breadcrumb",
                   "breadcrumbs",   "sidebar",     "menu",           "pagination",    "pager",         "skip-link",
                   "skiplink",      "skip-nav",    "site-header",    "site-footer",   "page-footer",   "sphinxsidebar",
                   "related",       "prev-next",   "prev-next-area", "cookie-banner", "cookie-notice", "social-share",
                   "share-buttons", "mw-jump-link"})) {
    return dropped::kNavigation;
  }
  if (!in_main && among(name, {"header", "footer"})) return dropped::kFurniture;
  if (among(name, {"sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text", "d-none"}))
    return dropped::kHidden;
  if (among(name, {"headerlink", "mw-editsection", "edit-link", "copybtn", "anchor-link"})) return std::string_view{};
  return std::nullopt;
}

std::optional<std::string_view> reason_of_names(std::string_view names, bool in_main) {
  for (const std::string_view name : split(names, ' ')) {
    if (const auto reason = reason_of_name(lower_ascii(trim(name)), in_main)) return reason;
  }
  return std::nullopt;
}

bool is_hidden(const Attributes& attributes, const Selectors& hiding) {
  if (attributes.has("hidden") && lower_ascii(attributes.get("hidden")) != "until-found") return true;
  if (lower_ascii(attributes.get("aria-hidden")) == "true") return true;
  if (attributes.has("style") && style_hides(attributes.get("style"))) return true;
  if (hiding.empty()) return false;
  if (hiding.contains("#" + std::string(attributes.get("id")))) return true;
  for (const std::string_view name : split(attributes.get("class"), ' ')) {
    if (hiding.contains("." + std::string(name))) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string_view> Attributes::find(std::string_view name) const {
  for (const unsigned char* const* pair = pairs_; pair && *pair; pair += 2) {
    if (name != reinterpret_cast<const char*>(pair[0])) continue;
    return pair[1] ? std::string_view(reinterpret_cast<const char*>(pair[1])) : std::string_view{};
  }
  return std::nullopt;
}

int Attributes::number(std::string_view name, int otherwise) const {
  const std::string_view text = trim(get(name));
  int value = otherwise;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} ? value : otherwise;
}

std::optional<std::string_view> reason_to_skip(TagRole role, const Attributes& attributes, const Selectors& hiding,
                                               bool in_main) {
  if (role == TagRole::Ignored) return std::string_view{};
  if (role == TagRole::Root || role == TagRole::Main) return std::nullopt;
  if (is_hidden(attributes, hiding)) return dropped::kHidden;
  if (role == TagRole::Navigation) return dropped::kNavigation;
  if (role == TagRole::PageHeader && !in_main) return dropped::kFurniture;
  const std::string aria = lower_ascii(attributes.get("role"));
  if (among(aria, {"navigation", "search", "menu", "menubar", "complementary"})) return dropped::kNavigation;
  if (among(aria, {"banner", "contentinfo"})) return dropped::kFurniture;
  if (const auto reason = reason_of_names(attributes.get("class"), in_main)) return reason;
  return reason_of_names(attributes.get("id"), in_main);
}

}  // namespace faqsmith
