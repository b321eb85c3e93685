// A short list of words that say nothing about a subject.
#include "stages/collect/titles.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/strings.h"

namespace faqsmith {
namespace {

bool is_generic_word(std::string_view word) {
  constexpr auto kWords = std::to_array<std::string_view>({"a",
                                                           "about",
                                                           "abstract",
                                                           "an",
                                                           "and",
                                                           "answers",
                                                           "assistant",
                                                           "background",
                                                           "card",
                                                           "content",
                                                           "contents",
                                                           "conversation",
                                                           "deprecation",
                                                           "details",
                                                           "doc",
                                                           "docs",
                                                           "document",
                                                           "documentation",
                                                           "draft",
                                                           "faq",
                                                           "faqs",
                                                           "for",
                                                           "general",
                                                           "getting",
                                                           "guide",
                                                           "home",
                                                           "in",
                                                           "index",
                                                           "info",
                                                           "information",
                                                           "introduction",
                                                           "manual",
                                                           "model",
                                                           "note",
                                                           "notes",
                                                           "of",
                                                           "overview",
                                                           "page",
                                                           "preface",
                                                           "questions",
                                                           "readme",
                                                           "started",
                                                           "summary",
                                                           "the",
                                                           "title",
                                                           "to",
                                                           "untitled",
                                                           "usage",
                                                           "user",
                                                           "welcome"});
  return std::binary_search(kWords.begin(), kWords.end(), word);
}

// A few words that any document could use.
bool is_generic(std::string_view title) {
  constexpr int kMaxWords = 4;  // a longer title says something all the same
  int n_words = 0;
  std::string word;
  for (const char c : lower_ascii(title) + " ") {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c < 0) {
      word += c;
    } else if (!word.empty()) {
      if (!is_generic_word(word) || ++n_words > kMaxWords) return false;
      word.clear();
    }
  }
  return true;
}

std::string words_of_file(std::string_view file_name) {
  const std::filesystem::path path{std::string(file_name)};
  std::string stem = path.stem().string();
  if (stem.size() > 3 && stem[stem.size() - 3] == '.') stem.resize(stem.size() - 3);  // a language: "guide.en.html"
  // "index" and "readme" name their folder.
  const std::string lower = lower_ascii(stem);
  if ((lower == "index" || lower == "readme") && path.has_parent_path()) stem = path.parent_path().filename().string();
  std::replace_if(
      stem.begin(), stem.end(), [](char c) { return c == '-' || c == '_'; }, ' ');
  return stem;
}

}  // namespace

std::string display_title(const Document& document, std::string_view file_name) {
  return is_generic(document.title) ? words_of_file(file_name) : document.title;
}

void name_document(std::vector<std::string>& heading_path, const std::string& title) {
  if (title.empty() || (!heading_path.empty() && heading_path.front() == title)) return;
  heading_path.insert(heading_path.begin(), title);
}

}  // namespace faqsmith
