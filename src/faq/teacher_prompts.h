// What a teacher is asked: reword a question, or ask a question that a text answers. Few-shot turns come first and are
// the same for every fact of a source, the fact comes last, so that an engine shares the prefix between requests.
// Non-goal: parsing replies (see tidy_question in faq/question_shape.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_template.h"

namespace faqsmith {

inline constexpr int kPromptVariants = 9;  // three instructions × three few-shot sets
inline constexpr std::size_t kShotsPerSet = 4;

struct Shot {
  std::string given, wanted;
};

struct TeacherVoice {
  std::string topic;                  // may be empty
  std::vector<std::string> examples;  // questions that real users ask, from the user's settings; may be empty
  // Few-shot turns out of the same documents: a small teacher stays on their subject then (shown everyday matters it
  // takes "package" for a parcel). With fewer than four the built-in everyday ones are used.
  std::vector<Shot> reword_shots, ask_shots;
};

// The shots that a document's own questions give: its questions reworded by rule, its answers with their questions.
// A pure function of the pairs. Pairs: question as it stood, answer.
void add_own_shots(TeacherVoice& voice, const std::vector<Shot>& questions_and_answers);

// variant: 0 … kPromptVariants - 1. A shot that gives the question away is left out.
[[nodiscard]] std::vector<Message> reword_messages(int variant, const TeacherVoice& voice, std::string_view question);
// heading: where the text stands or the question it answers; may be empty.
[[nodiscard]] std::vector<Message> ask_messages(int variant, const TeacherVoice& voice, std::string_view heading,
                                                std::string_view text);

// JSON schema for teachers large enough to profit from it: {"question": "…"}.
[[nodiscard]] std::string question_schema();
// The question of a reply to that schema; empty if it is no such JSON.
[[nodiscard]] std::string question_from_json(std::string_view reply);

}  // namespace faqsmith
