// Rule forms. They keep the words that carry the topic and drop everything else.
#include "faq/question_forms.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/strings.h"
#include "faq/question_shape.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

// Openings that only lead up to the question; matched in lower case, longest first.
constexpr std::array kFramings = {"could you tell me whether ",
                                  "could you tell me ",
                                  "can you tell me ",
                                  "i would like to know ",
                                  "i want to know ",
                                  "please explain ",
                                  "so ",
                                  "and ",
                                  "but ",
                                  "ok, ",
                                  "well, "};

// The last sentence that asks, if the question has several sentences.
std::string_view asking_part(std::string_view question) {
  const std::vector<std::string_view> sentences = sentences_of(question);
  for (const std::string_view sentence : sentences)
    if (trim(sentence).find('?') != std::string_view::npos && content_words(sentence).size() >= 2) return sentence;
  return question;
}

std::string without_framing(std::string_view question) {
  std::string_view text = trim(asking_part(question));
  const std::size_t dots = text.rfind("... ");
  if (dots != std::string_view::npos && !content_words(text.substr(dots)).empty() && asks(trim(text.substr(dots + 4))))
    text = trim(text.substr(dots + 4));
  for (bool again = true; again;) {
    again = false;
    const std::string lower = lower_ascii(text.substr(0, 40));
    for (const std::string_view framing : kFramings) {
      if (!lower.starts_with(framing)) continue;
      text = trim(text.substr(framing.size()));
      again = true;
      break;
    }
  }
  std::string out(text);
  if (!out.empty()) out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

std::string lower_without_marks(std::string_view question) {
  return join(words_of(question), " ");
}

void add(std::vector<FormedQuestion>& forms, std::string_view form, std::string text, std::string_view original) {
  if (trim(text).empty() || text == original) return;
  for (const FormedQuestion& known : forms)
    if (known.question == text) return;
  forms.push_back({std::string(form), std::move(text)});
}

}  // namespace

std::vector<FormedQuestion> question_forms(std::string_view question) {
  std::vector<FormedQuestion> forms;
  const std::vector<std::string> telling = content_words(question);
  if (!telling.empty()) add(forms, "keywords", join(telling, " "), question);
  add(forms, "plain", lower_without_marks(question), question);
  const std::string bare = without_framing(question);
  if (!content_words(bare).empty() && words_of(bare).size() >= 3) add(forms, "context", bare, question);
  return forms;
}

std::string bare_heading(std::string_view heading) {
  std::string text = squeeze(heading);
  const std::string lower = lower_ascii(text);
  for (const std::string_view word : {"chapter ", "section ", "appendix ", "part "})
    if (lower.starts_with(word) && text.size() > word.size() &&
        std::isdigit(static_cast<unsigned char>(text[word.size()])) != 0)
      text = text.substr(word.size());
  std::size_t end = 0;
  while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) != 0 || text[end] == '.')) ++end;
  // A number followed by its heading; "2024 results" keeps its year because no dot ends it.
  if (end > 0 && end < text.size() && text[end - 1] == '.' && text[end] == ' ') text = text.substr(end + 1);
  while (!text.empty() && (text.back() == ':' || text.back() == '#')) text.pop_back();
  return std::string(trim(text));
}

std::vector<FormedQuestion> heading_forms(const std::vector<std::string>& heading_path) {
  std::vector<FormedQuestion> forms;
  if (heading_path.empty()) return forms;
  const std::string last = bare_heading(heading_path.back());
  std::string first = heading_path.size() > 1 ? bare_heading(heading_path.front()) : "";
  if (stems_of(first) == stems_of(last)) first.clear();
  if (content_words(last).empty()) return forms;
  add(forms, "keywords", lower_ascii(first.empty() ? last : first + " " + last), "");
  if (!first.empty()) add(forms, "context", "What does " + first + " say about " + last + "?", "");
  return forms;
}

}  // namespace faqsmith
