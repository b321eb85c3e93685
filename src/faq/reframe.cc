// Openings, synonyms and dropped words; every choice comes from one seeded generator.
#include "faq/reframe.h"

#include <algorithm>
#include <map>

#include "base/rng.h"
#include "base/strings.h"
#include "faq/reframe_words.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

constexpr double kSynonymChance = 0.5, kDropChance = 0.25, kLowerChance = 0.6;

std::string without_end_marks(std::string_view text) {
  text = trim(text);
  while (!text.empty() && (text.back() == '?' || text.back() == '!' || text.back() == '.'))
    text = trim(text.substr(0, text.size() - 1));
  return std::string(text);
}

// "How do I" -> "how do I", but "SPI" and "CD-ROMs" stay.
std::string lower_first(std::string text) {
  const bool upper_follows = text.size() > 1 && text[1] >= 'A' && text[1] <= 'Z';
  if (!text.empty() && !upper_follows) text.replace(0, 1, lower_ascii(text.substr(0, 1)));
  return text;
}

void add_openings(std::vector<std::string>& out, const std::string& question) {
  const std::string lower = lower_ascii(question);
  for (const Opening& opening : openings()) {
    for (const std::string& start : opening.starts) {
      if (!lower.starts_with(start)) continue;
      const std::string rest = question.substr(start.size());
      if (trim(rest).empty()) return;
      for (const std::string& pattern : opening.templates)
        out.push_back(replace_all(replace_all(pattern, "{}", rest), "{q}", question));
      return;
    }
  }
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) out.emplace_back(word);
  return out;
}

const std::vector<std::string>* synonyms_of(const std::string& word) {
  static const std::map<std::string, std::vector<std::string>> kIndex = [] {
    std::map<std::string, std::vector<std::string>> index;
    for (const auto& group : synonyms())
      for (const std::string& one : group)
        for (const std::string& other : group)
          if (other != one) index[one].push_back(other);
    return index;
  }();
  const auto found = kIndex.find(word);
  return found == kIndex.end() ? nullptr : &found->second;
}

std::string swap_words(const std::string& text, Rng& rng) {
  std::vector<std::string> words = split_words(text);
  for (std::string& word : words) {
    const std::string core(without_end_marks(word));
    const auto* others = synonyms_of(lower_ascii(core));
    if (others == nullptr || rng.uniform() >= kSynonymChance) continue;
    word = replace_all(word, core, (*others)[rng.below(others->size())]);
  }
  return join(words, " ");
}

// Small words go more easily than telling ones; at least two words and one telling word stay.
std::string drop_words(const std::string& text, Rng& rng) {
  std::vector<std::string> kept;
  for (const std::string& word : split_words(text)) {
    const bool telling = !content_words(word).empty();
    if (rng.uniform() >= (telling ? 0.6 * kDropChance : kDropChance)) kept.push_back(word);
  }
  const std::string out = join(kept, " ");
  return kept.size() < 2 || content_words(out).empty() ? text : out;
}

std::string casual(const std::string& text, Rng& rng) {
  return rng.uniform() < kLowerChance ? lower_ascii(without_end_marks(replace_all(text, ",", ""))) : text;
}

}  // namespace

std::vector<std::string> other_openings(std::string_view question) {
  std::vector<std::string> out;
  add_openings(out, lower_first(without_end_marks(question)));
  // A heading of several sentences: each that is long enough to stand alone is asked too.
  const std::vector<std::string_view> sentences = sentences_of(question);
  if (sentences.size() > 1) {
    for (const std::string_view sentence : sentences)
      if (content_words(sentence).size() >= 2) add_openings(out, lower_first(without_end_marks(sentence)));
  }
  return out;
}

std::vector<std::string> reframe(std::string_view question, int n, std::uint64_t seed) {
  Rng rng(seed);
  const std::string original(question);
  const std::vector<std::string> frames = other_openings(question);
  std::vector<std::string> out;
  const auto add = [&](const std::string& wording) {
    if (wording.empty() || wording == original || content_words(wording).empty()) return;
    if (std::find(out.begin(), out.end(), wording) == out.end()) out.push_back(wording);
  };
  for (const std::string& frame : frames)
    if (out.size() < static_cast<std::size_t>(n)) add(casual(frame, rng));
  constexpr int kTriesPerWording = 6;
  for (int tries = 0; tries < kTriesPerWording * n && out.size() < static_cast<std::size_t>(n); ++tries) {
    const std::size_t pick = rng.below(frames.size() + 2);  // the question itself counts twice
    add(casual(swap_words(pick < frames.size() ? frames[pick] : original, rng), rng));
  }
  return out;
}

std::string vary(std::string_view question, std::uint64_t seed) {
  Rng rng(seed);
  return casual(drop_words(swap_words(std::string(question), rng), rng), rng);
}

}  // namespace faqsmith
