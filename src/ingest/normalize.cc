// Code point by code point, then NFC; linear.
#include "ingest/normalize.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/strings.h"
#include "text/unicode.h"

namespace faqsmith {
namespace {

bool is_wide_space(char32_t c) {
  return c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
}

void count_invalid(std::string_view raw, Counts& counts) {
  if (is_valid_utf8(raw)) return;
  for (std::size_t at = 0; at < raw.size();) {
    const CodePoint c = decode_utf8(raw, at);
    at += c.n_bytes;
    if (!c.valid) ++counts[std::string(dropped::kInvalid)];
  }
}

// Valid UTF-8 in NFC, nothing invisible in it.
std::string visible_text(std::string_view raw, Counts& counts) {
  count_invalid(raw, counts);
  InvisibleCounts invisible;
  std::string text = nfc(remove_invisible(raw, &invisible));
  const std::size_t n = invisible.n_bidi + invisible.n_zero_width + invisible.n_control;
  if (n > 0) counts[std::string(dropped::kControls)] += static_cast<std::int64_t>(n);
  return text;
}

void append_space(std::string& out, Lines lines) {
  const bool after_word = !out.empty() && out.back() != ' ' && out.back() != '\n';
  if (lines == Lines::Keep || after_word) out += ' ';
}

void append_line_end(std::string& out, Lines lines) {
  while (out.ends_with(' ')) out.pop_back();
  if (lines == Lines::Keep || (!out.empty() && out.back() != '\n')) out += '\n';
}

void trim_in_place(std::string& text, Lines lines) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
  std::size_t begin = 0;
  // Code keeps the indentation of its first line.
  for (std::size_t i = 0; i < text.size() && (text[i] == ' ' || text[i] == '\n'); ++i) {
    if (text[i] == '\n' || lines == Lines::Tidy) begin = i + 1;
  }
  text.erase(0, begin);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || c == '\t';
}

// Length of "12.", "1.2.3", "1.2.3." or "4)" at the start, if it numbers a heading; else 0.
std::size_t decimal_number(std::string_view text) {
  std::size_t i = 0;
  int dots = 0;
  bool closed = false;
  while (i < text.size() && (is_digit(text[i]) || text[i] == '.')) {
    if (text[i] == '.') {
      if (i == 0 || text[i - 1] == '.') return 0;
      ++dots;
    }
    ++i;
  }
  if (i == 0) return 0;
  if (i < text.size() && (text[i] == ')' || text[i] == ':')) {
    closed = true;
    ++i;
  }
  return dots > 0 || closed ? i : 0;
}

// "A.", "b)", "(iv)", "IV."
std::size_t letter_number(std::string_view text) {
  constexpr std::size_t kLongestRoman = 6;
  const bool bracket = text.starts_with('(');
  std::size_t i = bracket ? 1 : 0;
  const std::size_t begin = i;
  bool roman = true;
  while (i < text.size() && i - begin < kLongestRoman && std::isalpha(static_cast<unsigned char>(text[i]))) {
    roman = roman && std::string_view("ivxlIVXL").find(text[i]) != std::string_view::npos;
    ++i;
  }
  const std::size_t letters = i - begin;
  if (letters == 0 || (letters > 1 && !roman) || i >= text.size()) return 0;
  const bool closed = text[i] == ')' || (!bracket && text[i] == '.');
  return closed ? i + 1 : 0;
}

// "Chapter 3.", "Question 12:", "Q:", "Q12."
std::size_t word_number(std::string_view text) {
  const std::string lower = lower_ascii(text.substr(0, 32));
  for (const std::string_view word : {"chapter", "section", "appendix", "part", "article", "question", "faq", "q"}) {
    if (!lower.starts_with(word)) continue;
    std::size_t i = word.size();
    const bool spaced = i < text.size() && is_space(text[i]);
    while (i < text.size() && is_space(text[i])) ++i;
    const std::size_t begin = i;
    while (i < text.size() && (is_digit(text[i]) || text[i] == '.')) ++i;
    if (i == begin && spaced && i + 1 < text.size() && (text[i + 1] == '.' || text[i + 1] == ':'))
      ++i;  // "Appendix A."
    if (i == begin && word != "q") return 0;
    const bool dotted = i > begin && text[i - 1] == '.';
    if (i < text.size() && (text[i] == ':' || text[i] == '.' || text[i] == ')')) return i + 1;
    return dotted ? i : 0;
  }
  return 0;
}

}  // namespace

std::string clean_text(std::string_view raw, Lines lines, Counts& counts) {
  const std::string text = visible_text(raw, counts);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    at += c.n_bytes;
    if (c.value == '\n') {
      append_line_end(out, lines);
    } else if (c.value == '\t' && lines == Lines::Keep) {
      out += "    ";
    } else if (c.value == ' ' || c.value == '\t' || is_wide_space(c.value)) {
      append_space(out, lines);
    } else if (c.value != '\r') {
      append_utf8(out, c.value);
    }
  }
  trim_in_place(out, lines);
  return out;
}

std::string dedent(std::string_view code) {
  std::size_t margin = std::string_view::npos;
  const std::vector<std::string_view> lines = split(code, '\n');
  for (const std::string_view line : lines) margin = std::min(margin, line.find_first_not_of(' '));
  if (margin == 0 || margin == std::string_view::npos) return std::string(code);
  std::string out;
  for (const std::string_view line : lines) {
    if (!out.empty()) out += '\n';
    out += line.substr(std::min(margin, line.size()));
  }
  return out;
}

bool has_words(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c < 0 || std::isalnum(static_cast<unsigned char>(c)); });
}

std::string strip_heading_number(std::string_view heading) {
  std::string_view text = trim(heading);
  for (const std::string_view sign : {"\xC2\xB6", "#"}) {  // a permalink
    if (text.size() > sign.size() && text.ends_with(sign)) text = trim(text.substr(0, text.size() - sign.size()));
  }
  std::string_view rest = text;
  if (rest.starts_with("\xC2\xA7")) rest = trim(rest.substr(2));  // a paragraph sign
  std::size_t n = decimal_number(rest);
  if (n == 0) n = word_number(rest);
  if (n == 0) n = letter_number(rest);
  if (n > 0 && n < rest.size() && is_space(rest[n])) rest = trim(rest.substr(n));
  for (const std::string_view dash : {"-", "\xE2\x80\x93", "\xE2\x80\x94", ":"}) {  // "Chapter 1. – Overview"
    if (n > 0 && rest.starts_with(std::string(dash) + " ")) rest = trim(rest.substr(dash.size()));
  }
  return std::string(rest.empty() ? text : rest);
}

bool is_question(std::string_view text) {
  for (std::size_t at = text.find('?'); at != std::string_view::npos; at = text.find('?', at + 1)) {
    // A question mark inside a word or an address ends nothing.
    if (at + 1 == text.size() || std::string_view(" \n\"')*_").find(text[at + 1]) != std::string_view::npos)
      return at > 0;
    if (text.substr(at + 1).starts_with("\xE2\x80")) return true;  // a closing quotation mark
  }
  return text.find("\xEF\xBC\x9F") != std::string_view::npos;  // the full-width one
}

bool looks_like_instruction(std::string_view text) {
  constexpr std::size_t kReach = 70;
  const std::string lower = lower_ascii(text);
  for (const std::string_view token :
       {"<|im_start|>", "<|im_end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|eot_id|>", "<|begin_of_text|>",
        "<|start_header_id|>", "<|endoftext|>", "[inst]", "<<sys>>"}) {
    if (lower.find(token) != std::string::npos) return true;
  }
  for (const std::string_view verb : {"ignore", "disregard", "forget"}) {
    for (std::size_t at = lower.find(verb); at != std::string::npos; at = lower.find(verb, at + 1)) {
      const std::string_view reach = std::string_view(lower).substr(at, kReach);
      bool which = false, what = false;
      for (const std::string_view word : {"previous", "prior", "above", "earlier", "preceding", "all ", "your "}) {
        which = which || reach.find(word) != std::string_view::npos;
      }
      for (const std::string_view word : {"instruction", "prompt", "guidelines", "rules"}) {
        what = what || reach.find(word) != std::string_view::npos;
      }
      if (which && what) return true;
    }
  }
  return false;
}

}  // namespace faqsmith
