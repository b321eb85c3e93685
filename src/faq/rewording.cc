// Frames are tried in order; the first opening that matches decides. Synonyms come from one table of small groups.
#include "faq/rewording.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <span>
#include <unordered_map>

#include "base/strings.h"
#include "faq/question_forms.h"
#include "faq/question_shape.h"
#include "faq/synonyms.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

using Templates = std::vector<std::string_view>;

// An opening of a question and what the rest of it may be put into ("{}").
struct Frame {
  std::vector<std::string_view> openings;  // lower case, each ends with a space
  Templates templates;
};

const std::vector<Frame>& frames() {
  static const std::vector<Frame> kFrames = {
      {{"how can i ", "how do i ", "how should i ", "how could i ", "how would i ", "how can one ", "how does one ",
        "how do you ", "how can we ", "how do we ", "how can you ", "how to "},
       {"how to {}", "I want to {}", "is there a way to {}", "what is the way to {}", "steps to {}", "{}",
        "can you help me {}", "what do I have to do to {}"}},
      {{"can i ", "may i ", "could i ", "should i ", "must i ", "can one ", "can we ", "do i have to "},
       {"is it possible to {}", "am I allowed to {}", "how can I {}", "I would like to {}", "{} possible?"}},
      {{"what is meant by saying that ", "what is meant by ", "what is the meaning of ", "what is a ", "what is an ",
        "what is the ", "what are the ", "what are all those ", "what are ", "what's ", "what is ", "what was "},
       {"{}", "explain {}", "tell me about {}", "what does {} mean", "{} meaning", "what's {}", "I need info on {}",
        "can you describe {}"}},
      {{"where can i get ", "where can i find ", "where do i get ", "where do i find ", "where is the ", "where is a ",
        "where is ", "where are the ", "where are "},
       {"where do I find {}", "I am looking for {}", "how do I get {}", "location of {}", "{}", "{} where?"}},
      {{"why is it that ", "why does ", "why do ", "why is ", "why are "},
       {"what is the reason that {}", "how come {}", "reason for {}", "{} why?", "{}"}},
      {{"does ", "do ", "is ", "are "},
       {"{}", "I wonder whether {}", "tell me if {}", "what about {}", "{}, yes or no?"}},
      {{"what happens when ", "what happens if ", "what should i do if ", "what should i do when "},
       {"what if {}", "{}, what now?", "{}, what then?", "what do I do when {}"}},
      {{"where ", "which ", "what ", "how many ", "how much ", "how ", "who ", "when ", "will ", "why "},
       {"{whole}", "I want to know {whole}", "can you tell me {whole}", "do you know {whole}"}}};
  return kFrames;
}

// What people say about a statement of a problem ("X does not work").
constexpr std::array kPlainFrames = {"tell me about {}", "{}, what can I do?", "help with {}", "info about {}",
                                     "question about {}"};

// "What does X contain" and its like: the thing stands between the auxiliary and the verb.
std::string_view thing_before_verb(std::string_view rest) {
  for (const std::string_view verb : {" contain", " mean", " provide", " include", " stand for", " offer"}) {
    const std::size_t at = rest.find(verb);
    if (at != std::string_view::npos && at > 0) return rest.substr(0, at);
  }
  return {};
}

std::string filled(std::string_view pattern, std::string_view rest, std::string_view whole) {
  return replace_all(replace_all(std::string(pattern), "{whole}", whole), "{}", rest);
}

std::string without_end_marks(std::string_view text) {
  text = trim(text);
  while (!text.empty() && std::string_view("?!.").find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  return std::string(trim(text));
}

// The first letter is lowered unless the first word is a name such as "GNU".
std::string lower_start(std::string text) {
  const bool name = text.size() > 1 && std::isupper(static_cast<unsigned char>(text[1])) != 0;
  if (!text.empty() && !name) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

void reframe_sentence(std::string_view sentence, std::vector<std::string>& out) {
  std::string text = without_end_marks(sentence);
  std::string lower = lower_ascii(text);
  for (const std::string_view filler : {"ok, ", "yes, ", "so ", "and ", "but ", "well, "}) {
    if (!lower.starts_with(filler)) continue;
    text = text.substr(filler.size());
    lower = lower.substr(filler.size());
  }
  const std::string whole = lower_start(text);
  if (lower.starts_with("what does ") || lower.starts_with("what do ")) {
    const std::string_view rest = std::string_view(whole).substr(lower.starts_with("what does ") ? 10 : 8);
    const std::string_view thing = thing_before_verb(rest);
    if (!thing.empty())
      for (const std::string_view pattern : {"what's in {}", "{}", "explain {}", "tell me about {}", "what is {} for"})
        out.push_back(filled(pattern, thing, whole));
    if (!thing.empty()) return;
  }
  for (const Frame& frame : frames()) {
    for (const std::string_view opening : frame.openings) {
      if (!lower.starts_with(opening) || lower.size() <= opening.size() + 1) continue;
      const std::string rest = whole.substr(opening.size());
      for (const std::string_view pattern : frame.templates) out.push_back(filled(pattern, rest, whole));
      return;
    }
  }
  if (trim(sentence).ends_with('?')) return;  // it asks in its own way
  for (const std::string_view pattern : kPlainFrames) out.push_back(filled(pattern, whole, whole));
}

// A word of a question with the marks around it.
struct Marked {
  std::string before, core, after;
};
Marked marked(std::string_view word) {
  const auto inner = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
  };
  std::size_t begin = 0, end = word.size();
  while (begin < end && !inner(word[begin])) ++begin;
  while (end > begin && !inner(word[end - 1])) --end;
  return {std::string(word.substr(0, begin)), std::string(word.substr(begin, end - begin)),
          std::string(word.substr(end))};
}

std::vector<std::string> spaced_words(std::string_view text) {
  std::vector<std::string> words;
  const std::string plain = squeeze(text);
  for (const std::string_view word : split(plain, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

}  // namespace

std::vector<std::string> reframed(std::string_view question) {
  std::vector<std::string> out;
  const std::vector<std::string_view> sentences = sentences_of(question);
  for (const std::string_view sentence : sentences) {
    if (sentence.find('?') == std::string_view::npos) continue;
    for (const std::string_view part : split(sentence, ';'))
      if (part.find('?') != std::string_view::npos && words_of(part).size() > 3) reframe_sentence(part, out);
  }
  if (out.empty()) reframe_sentence(question, out);
  std::set<std::string> seen = {std::string(question)};
  std::erase_if(out, [&seen](const std::string& text) {
    return text.size() < 3 || content_words(text).empty() || !seen.insert(text).second;
  });
  return out;
}

std::string with_synonyms(std::string_view question, double p, Rng& rng) {
  std::vector<std::string> words = spaced_words(question);
  for (std::string& word : words) {
    const Marked parts = marked(word);
    const std::span<const std::string_view> others = synonyms_of(lower_ascii(parts.core));
    if (others.empty() || rng.uniform() >= p) continue;
    word = parts.before + std::string(others[rng.below(others.size())]) + parts.after;
  }
  return join(words, " ");
}

std::string with_gaps(std::string_view question, double p, Rng& rng) {
  const std::vector<std::string> words = spaced_words(question);
  std::vector<std::string> kept;
  for (const std::string& word : words) {
    const bool function_word = is_stop_word(lower_ascii(marked(word).core));
    if (rng.uniform() >= (function_word ? p : 0.6 * p)) kept.push_back(word);
  }
  return kept.size() >= 2 && !content_words(join(kept, " ")).empty() ? join(kept, " ") : std::string(question);
}

std::string carelessly_typed(std::string_view question) {
  std::string text = lower_ascii(question);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool mark = text[i] == '?' || text[i] == '!' || text[i] == ',' || text[i] == '.';
    const bool ends_word = i + 1 == text.size() || std::isspace(static_cast<unsigned char>(text[i + 1])) != 0;
    if (!(mark && ends_word)) out += text[i];
  }
  return squeeze(out);
}

std::vector<std::string> rule_rewordings(std::string_view question, std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  const std::vector<std::string> bases = reframed(question);
  std::vector<std::string> out;
  if (content_words(question).empty()) return out;
  std::set<std::string> seen = {std::string(question)};
  const auto add = [&](std::string text) {
    if (rng.uniform() < 0.6) text = carelessly_typed(text);
    if (out.size() < n && words_of(text).size() >= 2 && !content_words(text).empty() && seen.insert(text).second)
      out.push_back(std::move(text));
  };
  // Plain reframings take up to two thirds; the rest varies words as well.
  for (const std::string& base : bases)
    if (out.size() * 3 < n * 2) add(base);
  for (std::size_t tries = 0; out.size() < n && tries < 6 * n; ++tries) {
    const std::uint64_t pick = rng.below(bases.size() + 2);
    add(with_synonyms(pick < bases.size() ? bases[pick] : std::string(question), 0.5, rng));
  }
  return out;
}

}  // namespace faqsmith
