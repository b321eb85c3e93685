// Requests and replies of the wording batches.
#include "stages/generate/wordings.h"

#include "base/hash.h"
#include "base/rng.h"
#include "base/strings.h"
#include "faq/question_shape.h"
#include "faq/teacher_prompts.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

// Of a fact with a question of its own, one sample in four is asked of the answer; without one, all are.
bool asks_of_text(const FactToWord& fact, int sample) {
  return fact.question.empty() || sample % 4 == 3;
}

}  // namespace

std::vector<WordingRequest> wording_requests(const std::vector<FactToWord>& facts, const GenerateOptions& options,
                                             bool constrained) {
  const TeacherVoice voice{options.topic, options.example_questions};
  std::vector<WordingRequest> requests;
  for (std::size_t f = 0; f < facts.size(); ++f) {
    const std::uint64_t fact_seed = mix_seed(options.seed, hash64(facts[f].fact.key));
    int reworded = 0, asked = 0;
    for (int sample = 0; sample < options.samples_per_fact; ++sample) {
      WordingRequest request;
      request.fact = f;
      request.kind = "wording";
      if (asks_of_text(facts[f], sample)) {
        request.chat.messages =
            ask_messages(asked++ % kPromptVariants, voice, facts[f].fact.heading, facts[f].fact.answer);
      } else {
        request.chat.messages = reword_messages(reworded++ % kPromptVariants, voice, facts[f].question);
      }
      Sampling& sampling = request.chat.sampling;
      sampling.temperature = options.temperature;
      sampling.top_p = options.top_p;
      sampling.max_tokens = options.question_max_tokens;
      sampling.seed = mix_seed(fact_seed, static_cast<std::uint64_t>(sample));
      if (constrained) {
        request.chat.json_schema = question_schema();
        sampling.max_tokens += 12;  // braces, key and quotes
      } else {
        sampling.stop = {"\n"};
      }
      requests.push_back(std::move(request));
    }
  }
  return requests;
}

ReadReply read_reply(const ChatReply& reply, const FactToWord& fact, bool constrained) {
  if (reply.finish == Finish::Failed)
    return {"", "failed", reply.failure.empty() ? "the teacher failed" : reply.failure};
  const std::string text = constrained ? question_from_json(reply.text) : reply.text;
  const std::string question = tidy_question(text);
  if (question.empty()) return {"", "failed", constrained ? "no JSON of the wanted shape" : "empty reply"};
  const bool whole = question.find('?') != std::string::npos;
  if (reply.finish == Finish::Length && !whole) return {question, "rejected", "cut at the token limit"};
  if (words_of(question) == words_of(fact.question))
    return {question, "rejected", "same words as the original question"};
  return {question, "kept", ""};
}

}  // namespace faqsmith
