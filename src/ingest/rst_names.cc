// Before the text is read, because what refers to a name often stands above it. Definitions are never expanded in each
// other.
#include "ingest/rst_names.h"

#include <algorithm>
#include <cstdlib>

#include "base/strings.h"
#include "ingest/normalize.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxLabelled = 200;  // bytes of a title that :ref: may repeat

// ".. |name| unicode:: U+2014 0xA9 8212 text .. comment"
std::string unicode_text(std::string_view words) {
  constexpr int kHexadecimal = 16, kDecimal = 10;
  constexpr unsigned long kLastCodePoint = 0x10FFFF;
  std::string out;
  for (const std::string_view word : split(words, ' ')) {
    if (word == "..") break;
    const bool hexadecimal = word.starts_with("0x") || word.starts_with("U+") || word.starts_with("u+");
    if (hexadecimal || (!word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos)) {
      const std::string digits(word.substr(hexadecimal ? 2 : 0));
      const unsigned long code = std::strtoul(digits.c_str(), nullptr, hexadecimal ? kHexadecimal : kDecimal);
      append_utf8(out, static_cast<char32_t>(std::min(code, kLastCodePoint)));
    } else {
      out += word;
    }
  }
  return repair_utf8(out);
}

// ".. |name| directive:: text" with its continuation lines.
void define_substitution(RstLines lines, RstNames& names) {
  const std::string_view text = lines[0].text.substr(4);
  const std::size_t bar = text.find('|');
  if (bar == std::string_view::npos) return;
  const std::string_view rest = trim(text.substr(bar + 1));
  const auto mark = directive_marker(rest);
  if (!mark) return;
  RstNames none;
  std::string value;
  if (mark->name == "replace") {
    const std::size_t n = rst_body_length(lines.subspan(1), lines[0].indent + 1);
    value = rst_inline(std::string(rest.substr(mark->length)) + ' ' + rst_joined(lines.subspan(1, n)), none);
  } else if (mark->name == "unicode") {
    value = unicode_text(rest.substr(mark->length));
  }
  names.substitutions[rst_name(text.substr(0, bar))] = std::string(trim(value));
}

}  // namespace

RstNames collect_rst_names(RstLines lines) {
  RstNames names;
  std::vector<std::string> pending;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i].text;
    if (line.empty()) continue;
    if (line.starts_with(".. _") && line.ends_with(':')) {
      pending.push_back(rst_name(line.substr(4, line.size() - 5)));
    } else if (line.starts_with(".. |")) {
      define_substitution(lines.subspan(i), names);
    } else if (!pending.empty()) {
      const auto title = rst_title(lines.subspan(i, std::min<std::size_t>(3, lines.size() - i)), lines[i].indent);
      if (title && title->text.size() <= kMaxLabelled) {
        RstNames none;
        const std::string text = strip_heading_number(rst_inline(title->text, none));
        for (std::string& name : pending) names.labels[std::move(name)] = text;
      }
      pending.clear();
    }
  }
  return names;
}

}  // namespace faqsmith
