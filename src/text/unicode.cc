// ICU behind plain functions. Break iterators are costly to make, so each thread keeps one of each kind.
#include "text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "base/error.h"

namespace faqsmith {
namespace {

void check_icu(UErrorCode code, const char* doing) {
  require(U_SUCCESS(code), std::string("ICU ") + doing + ": " + u_errorName(code));
}

std::int32_t icu_size(std::string_view text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw Error(Kind::Input, "a text of 2 GiB or more cannot be processed at once",
                "split the document into smaller files");
  return static_cast<std::int32_t>(text.size());
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string valid(std::string_view text) {
  return is_valid_utf8(text) ? std::string(text) : repair_utf8(text);
}

bool is_space(char32_t c) {
  return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0;
}

bool is_bidi_control(char32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool is_joiner(char32_t c) {
  return c == 0x200C || c == 0x200D;
}

bool is_zero_width(char32_t c) {
  return c == 0x00AD || c == 0x034F || c == 0x115F || c == 0x1160 || c == 0x180E || c == 0x200B ||
         (c >= 0x2060 && c <= 0x2064) || c == 0x3164 || c == 0xFEFF || c == 0xFFA0 || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

bool is_line_separator(char32_t c) {
  return c == 0x0B || c == 0x0C || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_control(char32_t c) {
  return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0);
}

// What a joiner may shape: letters and marks outside ASCII, and symbols (emoji, their skin tones).
bool takes_joiner(char32_t c) {
  return c >= 0x80 && !is_space(c) && !is_bidi_control(c) && !is_zero_width(c) && !is_joiner(c);
}

struct CloseIterator {
  void operator()(UBreakIterator* it) const { ubrk_close(it); }
};
using BreakIterator = std::unique_ptr<UBreakIterator, CloseIterator>;

BreakIterator open_iterator(UBreakIteratorType type) {
  UErrorCode code = U_ZERO_ERROR;
  BreakIterator it(ubrk_open(type, "en", nullptr, 0, &code));
  check_icu(code, "opens a break iterator");
  return it;
}

// Calls found(begin, end, rule status) for each segment.
template <class Found>
void each_segment(UBreakIterator* it, std::string_view text, const Found& found) {
  UErrorCode code = U_ZERO_ERROR;
  UText view = UTEXT_INITIALIZER;
  utext_openUTF8(&view, text.data(), icu_size(text), &code);
  const std::unique_ptr<UText, decltype(&utext_close)> close_view(&view, utext_close);
  ubrk_setUText(it, &view, &code);
  check_icu(code, "opens a text");
  std::int32_t begin = ubrk_first(it);
  for (std::int32_t end = ubrk_next(it); end != UBRK_DONE; begin = end, end = ubrk_next(it))
    found(static_cast<std::size_t>(begin), static_cast<std::size_t>(end), ubrk_getRuleStatus(it));
}

std::string_view trimmed(std::string_view text) {
  std::size_t begin = 0, end = text.size();
  while (begin < end) {
    const CodePoint c = decode_utf8(text, begin);
    if (!is_space(c.value)) break;
    begin += c.n_bytes;
  }
  for (std::size_t at = end; at > begin;) {
    std::size_t start = at - 1;
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!is_space(decode_utf8(text, start).value)) break;
    at = end = start;
  }
  return text.substr(begin, end - begin);
}

// Whether a sentence that ICU ended here goes on: its last word is an abbreviation or an initial.
bool ends_in_abbreviation(std::string_view sentence) {
  if (sentence.empty() || sentence.back() != '.') return false;
  // Not here: words that as often end a sentence ("no.", "etc."); before a small letter ICU ends none anyway.
  static constexpr std::array kAbbreviations = {
      "mr",     "mrs",  "ms",   "dr",    "prof", "st",  "jr",  "sr",  "vs",  "e.g", "i.e",  "cf",   "al",
      "approx", "ca",   "vol",  "fig",   "figs", "eq",  "sec", "pp",  "eds", "inc", "ltd",  "corp", "dept",
      "est",    "incl", "excl", "a.k.a", "u.s",  "u.k", "jan", "feb", "apr", "aug", "sept", "oct",  "nov",
      "bzw",    "usw",  "z.b",  "d.h",   "u.a",  "vgl", "nr",  "abs", "abb", "mme", "mlle", "p.ex"};
  const std::string_view body = sentence.substr(0, sentence.size() - 1);
  const std::size_t space = body.find_last_of(" \t\n\r([\"'");
  const std::string_view word = space == std::string_view::npos ? body : body.substr(space + 1);
  if (word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z' && word[0] != 'I') return true;  // an initial
  const std::string folded = fold_case(word);
  return std::find(kAbbreviations.begin(), kAbbreviations.end(), std::string_view(folded)) != kAbbreviations.end();
}

}  // namespace

std::string nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  const std::string repaired = valid(text);
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFCInstance(code);
  check_icu(code, "loads NFC");
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  normalizer->normalizeUTF8(0, icu::StringPiece(repaired.data(), icu_size(repaired)), sink, nullptr, code);
  check_icu(code, "normalises");
  return out;
}

std::string remove_invisible(std::string_view text, InvisibleCounts* counts) {
  InvisibleCounts ignored;
  InvisibleCounts& n = counts != nullptr ? *counts : ignored;
  std::string out;
  out.reserve(text.size());
  char32_t before = 0;  // the last character kept
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    at += c.n_bytes;
    if (is_joiner(c.value)) {
      const bool shapes = takes_joiner(before) && at < text.size() && takes_joiner(decode_utf8(text, at).value);
      if (!shapes) {
        ++n.n_zero_width;
        continue;
      }
    } else if (is_bidi_control(c.value)) {
      ++n.n_bidi;
      continue;
    } else if (is_zero_width(c.value)) {
      ++n.n_zero_width;
      continue;
    } else if (is_control(c.value) && !is_line_separator(c.value)) {
      ++n.n_control;
      continue;
    }
    before = is_line_separator(c.value) ? U'\n' : c.value;
    append_utf8(out, before);
  }
  return out;
}

std::string collapse_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool pending = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    at += c.n_bytes;
    if (is_space(c.value)) {
      pending = !out.empty();
      continue;
    }
    if (pending) out.push_back(' ');
    pending = false;
    append_utf8(out, c.value);
  }
  return out;
}

std::string fold_case(std::string_view text) {
  const std::string repaired = valid(text);
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8Fold(0, icu::StringPiece(repaired.data(), icu_size(repaired)), sink, nullptr, code);
  check_icu(code, "folds case");
  return out;
}

std::string lower_case(std::string_view text) {
  const std::string repaired = valid(text);
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(repaired.data(), icu_size(repaired)), sink, nullptr, code);
  check_icu(code, "lowers case");
  return out;
}

std::size_t count_code_points(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); ++n) at += decode_utf8(text, at).n_bytes;
  return n;
}

std::vector<std::string_view> words(std::string_view text) {
  thread_local const BreakIterator it = open_iterator(UBRK_WORD);
  std::vector<std::string_view> out;
  each_segment(it.get(), text, [&](std::size_t begin, std::size_t end, std::int32_t status) {
    if (status >= UBRK_WORD_NUMBER) out.push_back(text.substr(begin, end - begin));
  });
  return out;
}

std::vector<std::string_view> sentences(std::string_view text) {
  thread_local const BreakIterator it = open_iterator(UBRK_SENTENCE);
  std::vector<std::string_view> out;
  std::size_t start = 0;  // of a sentence that an abbreviation keeps open
  each_segment(it.get(), text, [&](std::size_t begin, std::size_t end, std::int32_t) {
    const std::string_view last = trimmed(text.substr(begin, end - begin));
    const bool line_ends = text.substr(begin, end - begin).find('\n') != std::string_view::npos;
    if (end < text.size() && !line_ends && ends_in_abbreviation(last)) return;
    const std::string_view sentence = trimmed(text.substr(start, end - start));
    if (!sentence.empty()) out.push_back(sentence);
    start = end;
  });
  return out;
}

}  // namespace faqsmith
