// ICU's uregex behind name_pattern.h.
#include "text/name_pattern.h"

#include <fmt/format.h>
#include <unicode/uregex.h>
#include <unicode/ustring.h>

#include "base/error.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxPatternBytes = 65536;
constexpr std::int32_t kTimeLimit = 200;             // ICU's steps, each some milliseconds at most
constexpr std::int32_t kStackLimit_bytes = 1 << 20;  // of backtracking

std::u16string to_utf16(std::string_view text, std::string_view pattern) {
  std::u16string out(text.size() + 1, u'\0');
  std::int32_t n = 0;
  UErrorCode code = U_ZERO_ERROR;
  u_strFromUTF8(out.data(), static_cast<std::int32_t>(out.size()), &n, text.data(),
                static_cast<std::int32_t>(text.size()), &code);
  if (U_FAILURE(code)) throw Error(Kind::Input, fmt::format("the pattern \"{}\" is no UTF-8", pattern.substr(0, 40)));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

}  // namespace

void NamePattern::Close::operator()(URegularExpression* regex) const {
  uregex_close(regex);
}

NamePattern::NamePattern(std::string_view expression) : expression_(expression) {
  const std::string shown = expression_.substr(0, 80);
  if (expression_.empty() || expression_.size() > kMaxPatternBytes) {
    throw Error(Kind::Input,
                fmt::format("the pattern \"{}\" is empty or longer than {} bytes", shown, kMaxPatternBytes));
  }
  const std::u16string text = to_utf16(expression_, shown);
  UParseError place{};
  UErrorCode code = U_ZERO_ERROR;
  regex_.reset(uregex_open(text.data(), static_cast<std::int32_t>(text.size()), 0, &place, &code));
  if (U_FAILURE(code)) {
    throw Error(
        Kind::Input,
        fmt::format("\"{}\" is no regular expression: {} at character {}", shown, u_errorName(code), place.offset),
        "write a dot as \\. and any characters as .*");
  }
  uregex_setTimeLimit(regex_.get(), kTimeLimit, &code);
  uregex_setStackLimit(regex_.get(), kStackLimit_bytes, &code);
  require(U_SUCCESS(code), "ICU takes limits for a regular expression");
}

bool NamePattern::matches(std::string_view name) const {
  const std::u16string text = to_utf16(name, expression_);
  UErrorCode code = U_ZERO_ERROR;
  uregex_setText(regex_.get(), text.data(), static_cast<std::int32_t>(text.size()), &code);
  const bool matched = uregex_matches(regex_.get(), -1, &code) != 0;  // -1: from the start, with a fresh region
  if (U_FAILURE(code)) {
    throw Error(Kind::Input,
                fmt::format("the pattern \"{}\" takes too long on \"{}\"", expression_.substr(0, 80), name),
                "write it without repeats inside of repeats");
  }
  return matched;
}

}  // namespace faqsmith
