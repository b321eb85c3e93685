// Tokens and their overlap as token_f1.h promises.
#include "text/token_f1.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>

#include "text/unicode.h"

namespace faqsmith {
namespace {

// ASCII: Python's string.punctuation, symbols included; beyond: the general category.
bool is_punctuation(char32_t c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  return u_ispunct(static_cast<UChar32>(c)) != 0;
}

bool is_unspaced_script(char32_t c) {
  if (c < 0x0E00) return false;
  UErrorCode code = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(static_cast<UChar32>(c), &code);
  return U_SUCCESS(code) && uscript_breaksBetweenLetters(script) != 0;
}

void add_token(std::string& token, bool unspaced, std::vector<std::string>& out) {
  if (unspaced) {
    for (const std::string_view word : words(token)) out.emplace_back(word);
  } else if (!token.empty() && token != "a" && token != "an" && token != "the") {
    out.push_back(token);
  }
  token.clear();
}

}  // namespace

std::vector<std::string> answer_tokens(std::string_view text) {
  const std::string lower = lower_case(text);
  std::vector<std::string> out;
  std::string token;
  bool unspaced = false;
  for (std::size_t at = 0; at < lower.size();) {
    const CodePoint c = decode_utf8(lower, at);
    at += c.n_bytes;
    if (u_isUWhiteSpace(static_cast<UChar32>(c.value)) != 0) {
      add_token(token, unspaced, out);
      unspaced = false;
    } else if (!is_punctuation(c.value)) {
      unspaced = unspaced || is_unspaced_script(c.value);
      append_utf8(token, c.value);
    }
  }
  add_token(token, unspaced, out);
  return out;
}

double token_f1(const std::vector<std::string>& reference, const std::vector<std::string>& answer) {
  if (reference.empty() || answer.empty()) return reference.empty() && answer.empty() ? 1.0 : 0.0;
  std::vector<std::string> a = reference, b = answer, common;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  if (common.empty()) return 0.0;
  const double precision = static_cast<double>(common.size()) / static_cast<double>(b.size());
  const double recall = static_cast<double>(common.size()) / static_cast<double>(a.size());
  return 2 * precision * recall / (precision + recall);
}

double token_f1(std::string_view reference, std::string_view answer) {
  return token_f1(answer_tokens(reference), answer_tokens(answer));
}

}  // namespace faqsmith
