// Patterns of docutils' parsers/rst/states.py, written as plain loops.
#include "ingest/rst_scan.h"

#include <algorithm>

#include "base/strings.h"
#include "text/unicode.h"

namespace faqsmith {
namespace {

constexpr std::size_t kTab = 8;            // columns
constexpr std::size_t kLongAdornment = 4;  // from this length on it may be shorter than its title
constexpr std::size_t kMaxName = 200;      // bytes of a field's, footnote's or directive's name

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  return at;
}

bool ends_word(std::string_view text, std::size_t at) {
  return at == text.size() || text[at] == ' ';
}

// "-f", "--file", "/V", with " ARG", "=ARG" or "<arg>" behind it; where it ends, at if there is none.
std::size_t skip_option(std::string_view text, std::size_t at) {
  std::size_t end = at;
  if (text.substr(at).starts_with("--")) {
    end = at + 2;
    while (end < text.size() && (is_alnum(text[end]) || text[end] == '-' || text[end] == '_')) ++end;
    if (end == at + 2) return at;
  } else if ((text[at] == '-' || text[at] == '+' || text[at] == '/') && at + 1 < text.size() &&
             is_alnum(text[at + 1])) {
    end = at + 2;
  } else {
    return at;
  }
  // One argument: a word or something in angle brackets.
  std::size_t argument = end < text.size() && (text[end] == '=' || text[end] == ' ') ? end + 1 : end;
  if (argument < text.size() && text[argument] == '<') {
    const std::size_t close = text.find('>', argument);
    if (close != std::string_view::npos) return close + 1;
  }
  while (argument < text.size() && (is_alnum(text[argument]) || text[argument] == '-' || text[argument] == '_'))
    ++argument;
  return argument > end + 1 || (argument > end && text[end] != ' ') ? argument : end;
}

}  // namespace

std::string expand_tabs(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t line = 0;
  for (const char c : text) {
    if (c == '\t') {
      out.append(kTab - (out.size() - line) % kTab, ' ');
    } else if (c == '\n') {
      out += c;
      line = out.size();
    } else if (c != '\r') {
      out += c == '\f' || c == '\v' ? ' ' : c;
    }
  }
  return out;
}

std::vector<RstLine> cut_rst_lines(std::string_view text) {
  std::vector<RstLine> lines;
  for (const std::string_view raw : split(text, '\n')) {
    const std::size_t indent = std::min(raw.find_first_not_of(' '), raw.size());
    const std::string_view line = trim(raw);
    lines.push_back({line, line.empty() ? 0 : indent});
  }
  return lines;
}

std::size_t rst_body_length(RstLines lines, std::size_t column) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < lines.size() && (lines[i].text.empty() || lines[i].indent >= column); ++i) {
    if (!lines[i].text.empty()) length = i + 1;
  }
  return length;
}

std::size_t rst_margin(RstLines lines, std::size_t otherwise) {
  std::size_t least = static_cast<std::size_t>(-1);
  for (const RstLine& line : lines) {
    if (!line.text.empty()) least = std::min(least, line.indent);
  }
  return least == static_cast<std::size_t>(-1) ? otherwise : least;
}

std::string rst_joined(RstLines lines) {
  std::string out;
  for (const RstLine& line : lines) {
    if (line.text.empty()) continue;
    if (!out.empty()) out += ' ';
    out += line.text;
  }
  return out;
}

std::string rst_raw(RstLines lines) {
  const std::size_t least = rst_margin(lines, 0);
  std::string out;
  for (const RstLine& line : lines) {
    if (&line != lines.data()) out += '\n';
    if (!line.text.empty()) out += std::string(line.indent - least, ' ') + std::string(line.text);
  }
  return out;
}

bool is_adornment(std::string_view text) {
  if (text.empty() || text[0] < '!' || text[0] > '~' || is_alnum(text[0])) return false;
  return text.find_first_not_of(text[0]) == std::string_view::npos;
}

std::optional<RstTitle> rst_title(RstLines lines, std::size_t base) {
  constexpr std::size_t kMaxTitle = 500;  // bytes
  const auto fits = [](std::string_view rule, std::string_view title) {
    return title.size() <= kMaxTitle && (rule.size() >= kLongAdornment || count_code_points(title) <= rule.size());
  };
  const auto rule_at = [&](std::size_t i) { return lines[i].indent == base && is_adornment(lines[i].text); };
  if (lines.size() >= 2 && !rule_at(0) && lines[0].indent == base && rule_at(1) && fits(lines[1].text, lines[0].text)) {
    return RstTitle{lines[0].text, std::string(1, lines[1].text[0]), 2};
  }
  if (lines.size() >= 3 && rule_at(0) && !lines[1].text.empty() && lines[2].text == lines[0].text &&
      fits(lines[0].text, lines[1].text)) {
    return RstTitle{lines[1].text, std::string(2, lines[0].text[0]), 3};
  }
  return std::nullopt;
}

std::size_t bullet_marker(std::string_view text) {
  for (const std::string_view sign : {"-", "*", "+", "\xE2\x80\xA2", "\xE2\x80\xA3", "\xE2\x81\x83"}) {
    if (text.starts_with(sign) && ends_word(text, sign.size())) return skip_spaces(text, sign.size());
  }
  return 0;
}

std::size_t enumerator_marker(std::string_view text) {
  constexpr std::size_t kLongest = 8;
  const bool bracket = text.starts_with('(');
  const std::size_t begin = bracket ? 1 : 0;
  std::size_t end = begin;
  while (end < text.size() && end - begin < kLongest && is_alnum(text[end])) ++end;
  if (end == begin && end < text.size() && text[end] == '#') ++end;
  if (end == begin || end >= text.size() || !ends_word(text, end + 1)) return 0;
  if (text[end] != ')' && (bracket || text[end] != '.')) return 0;
  const std::string_view label = text.substr(begin, end - begin);
  const bool number = label.find_first_not_of("0123456789") == std::string_view::npos;
  const bool roman = label.find_first_not_of("ivxlcdm") == std::string_view::npos ||
                     label.find_first_not_of("IVXLCDM") == std::string_view::npos;
  return number || roman || label.size() == 1 ? skip_spaces(text, end + 1) : 0;
}

std::size_t option_marker(std::string_view text) {
  std::size_t at = 0;
  while (true) {
    const std::size_t end = skip_option(text, at);
    if (end == at) return 0;
    if (end == text.size()) return end;
    if (text.substr(end).starts_with("  ")) return skip_spaces(text, end);
    if (!text.substr(end).starts_with(", ") || end + 2 >= text.size()) return 0;
    at = end + 2;
  }
}

std::optional<RstMark> field_marker(std::string_view text) {
  if (text.size() < 3 || text[0] != ':' || text[1] == ':' || text[1] == ' ') return std::nullopt;
  for (std::size_t i = 2; i < text.size() && i < kMaxName; ++i) {
    if (text[i] != ':' || text[i - 1] == '\\') continue;
    if (i + 1 < text.size() && text[i + 1] == '`') return std::nullopt;  // a role
    if (text[i - 1] == ' ' || !ends_word(text, i + 1)) continue;
    return RstMark{text.substr(1, i - 1), skip_spaces(text, i + 1)};
  }
  return std::nullopt;
}

std::optional<RstMark> note_marker(std::string_view text) {
  const std::size_t close = text.substr(0, kMaxName).find(']');
  if (!text.starts_with('[') || close == std::string_view::npos || close < 2 || !ends_word(text, close + 1))
    return std::nullopt;
  const std::string_view name = text.substr(1, close - 1);
  const auto sign = [](char c) {
    return c < 0 || is_alnum(c) || std::string_view("-_.+:#*").find(c) != std::string_view::npos;
  };
  if (!std::all_of(name.begin(), name.end(), sign)) return std::nullopt;
  return RstMark{name, skip_spaces(text, close + 1)};
}

std::optional<RstMark> directive_marker(std::string_view text) {
  const std::size_t colons = text.substr(0, kMaxName).find("::");
  if (colons == std::string_view::npos || !ends_word(text, colons + 2)) return std::nullopt;
  const std::string_view name = trim(text.substr(0, colons));
  const auto sign = [](char c) {
    return c < 0 || is_alnum(c) || std::string_view("-_.+:").find(c) != std::string_view::npos;
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), sign)) return std::nullopt;
  return RstMark{name, skip_spaces(text, colons + 2)};
}

}  // namespace faqsmith
