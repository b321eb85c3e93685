// Scanners written by hand: std::regex recurses on long input and may overflow the stack.
#include "faq/privacy.h"

#include <array>
#include <cctype>
#include <optional>

#include "base/strings.h"
#include "faq/units.h"

namespace faqsmith {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}
bool is_local(char c) {
  return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}
bool is_domain(char c) {
  return is_alnum(c) || c == '.' || c == '-';
}

struct Span {
  std::size_t begin = 0, end = 0;
  const char* kind = "";
};

// The e-mail address around the "@" at position at. Commands such as "git@host:repo" have no dot after the "@".
std::optional<Span> e_mail_at(std::string_view text, std::size_t at) {
  std::size_t begin = at, end = at + 1;
  while (begin > 0 && at - begin < 64 && is_local(text[begin - 1])) --begin;
  while (end < text.size() && end - at < 255 && is_domain(text[end])) ++end;
  while (end > at + 1 && !is_alnum(text[end - 1])) --end;
  const std::string_view domain = text.substr(at + 1, end - at - 1);
  const std::size_t dot = domain.rfind('.');
  if (begin == at || dot == std::string_view::npos || dot == 0 || domain.size() - dot < 3) return std::nullopt;
  for (const char c : domain.substr(dot + 1))
    if (std::isalpha(static_cast<unsigned char>(c)) == 0) return std::nullopt;
  return Span{begin, end, "e_mail"};
}

bool luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (std::size_t i = digits.size(); i > 0; --i) {
    int d = digits[i - 1] - '0';
    if (twice) d = d * 2 > 9 ? d * 2 - 9 : d * 2;
    twice = !twice;
    sum += d;
  }
  return sum % 10 == 0;
}

std::optional<Span> card_at(std::string_view text, std::size_t begin) {
  if (begin > 0 && (is_alnum(text[begin - 1]) || text[begin - 1] == '.')) return std::nullopt;
  std::string digits;
  std::size_t end = begin, last = begin;
  while (end < text.size() && digits.size() < 20) {
    if (is_digit(text[end])) {
      digits += text[end];
      last = ++end;
    } else if ((text[end] == ' ' || text[end] == '-') && end + 1 < text.size() && is_digit(text[end + 1])) {
      ++end;
    } else {
      break;
    }
  }
  if (digits.size() < 13 || digits.size() > 19 || digits.find_first_not_of('0') == std::string::npos)
    return std::nullopt;
  if (last < text.size() && is_alnum(text[last])) return std::nullopt;
  return luhn(digits) ? std::optional(Span{begin, last, "card_number"}) : std::nullopt;
}

struct TokenShape {
  std::string_view prefix;
  std::size_t min_rest;
};
constexpr std::array kTokens = {TokenShape{"AKIA", 16},  TokenShape{"ASIA", 16},        TokenShape{"ghp_", 30},
                                TokenShape{"gho_", 30},  TokenShape{"github_pat_", 30}, TokenShape{"sk-", 20},
                                TokenShape{"hf_", 30},   TokenShape{"xoxb-", 20},       TokenShape{"AIza", 30},
                                TokenShape{"glpat-", 18}};

std::optional<Span> secret_at(std::string_view text, std::size_t begin) {
  const std::string_view rest = text.substr(begin);
  if (rest.starts_with("-----BEGIN ") && rest.substr(0, 64).find("PRIVATE KEY") != std::string_view::npos) {
    const std::size_t stop = rest.find("-----END ");
    const std::size_t line = stop == std::string_view::npos ? rest.size() : rest.find("-----", stop + 9);
    return Span{begin, line == std::string_view::npos ? text.size() : std::min(text.size(), begin + line + 5),
                "secret"};
  }
  if (begin > 0 && is_alnum(text[begin - 1])) return std::nullopt;
  for (const TokenShape& shape : kTokens) {
    if (!rest.starts_with(shape.prefix)) continue;
    std::size_t n = shape.prefix.size();
    while (n < rest.size() && n < 256 && (is_alnum(rest[n]) || rest[n] == '_' || rest[n] == '-')) ++n;
    // Placeholders such as "sk-xxxxxxxx" hold no digit.
    if (n - shape.prefix.size() >= shape.min_rest &&
        rest.substr(0, n).find_first_of("0123456789") != std::string_view::npos)
      return Span{begin, begin + n, "secret"};
  }
  return std::nullopt;
}

constexpr std::array kPasswordNames = {"password",   "passwd",       "api_key",   "apikey",
                                       "secret_key", "access_token", "auth_token"};

// "password = hunter2!x": the value, if it is long enough to be one and looks like no word of prose.
std::optional<Span> assigned_secret_at(std::string_view text, std::size_t begin) {
  if (begin > 0 && is_alnum(text[begin - 1])) return std::nullopt;
  for (const std::string_view name : kPasswordNames) {
    if (lower_ascii(text.substr(begin, name.size())) != name) continue;
    std::size_t i = begin + name.size();
    while (i < text.size() && (text[i] == ' ' || text[i] == '"' || text[i] == '\'')) ++i;
    if (i >= text.size() || (text[i] != '=' && text[i] != ':')) return std::nullopt;
    ++i;
    while (i < text.size() && (text[i] == ' ' || text[i] == '"' || text[i] == '\'')) ++i;
    std::size_t end = i;
    bool digit = false;
    while (end < text.size() && std::isspace(static_cast<unsigned char>(text[end])) == 0 && text[end] != '"' &&
           text[end] != '\'') {
      digit = digit || is_digit(text[end]);
      ++end;
    }
    if (end - i >= 8 && digit) return Span{i, end, "secret"};
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Span> finding_at(std::string_view text, std::size_t i) {
  const char c = text[i];
  if (c == '@') return e_mail_at(text, i);
  if (is_digit(c)) return card_at(text, i);
  if (auto secret = secret_at(text, i)) return secret;
  if (std::isalpha(static_cast<unsigned char>(c)) != 0) return assigned_secret_at(text, i);
  return std::nullopt;
}

const char* replacement(std::string_view kind) {
  if (kind == "e_mail") return "[e-mail]";
  return kind == "card_number" ? "[card number]" : "[secret]";
}

constexpr std::array kOrders = {"ignore previous instructions",
                                "ignore all previous",
                                "ignore the previous instructions",
                                "ignore the above",
                                "disregard previous",
                                "disregard the above",
                                "disregard all previous",
                                "forget your instructions",
                                "forget all previous",
                                "ignore your instructions",
                                "you are now a ",
                                "new system prompt",
                                "override your instructions",
                                "do not follow your instructions",
                                "reveal your prompt",
                                "ignore all instructions",
                                "<|im_start|>",
                                "<|im_end|>"};

}  // namespace

Redacted redact(std::string_view text) {
  Redacted result;
  std::size_t copied = 0;  // input bytes already in result.text or replaced
  for (std::size_t i = 0; i < text.size();) {
    const auto found = finding_at(text, i);
    if (!found || found->begin < copied) {
      ++i;
      continue;
    }
    result.text += text.substr(copied, found->begin - copied);
    result.text += replacement(found->kind);
    ++result.found[found->kind];
    copied = i = found->end;
  }
  result.text += text.substr(copied);
  return result;
}

bool looks_like_injection(std::string_view text) {
  const std::string lower = lower_ascii(squeeze(text));
  for (const std::string_view order : kOrders)
    if (lower.find(order) != std::string::npos) return true;
  return false;
}

}  // namespace faqsmith
