// Requests and replies of the wording batches.
#include "stages/generate/wordings.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/hash.h"
#include "base/rng.h"
#include "base/strings.h"
#include "faq/question_shape.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

// How one sample is asked for. Half of the samples reword the question, the other half is asked of the answer, with and
// without the question beside it: measured, the mixture is worth more than as many samples of one kind.
enum class Ask { Reword, Text, TextUnderHeading };

Ask ask_of(const FactToWord& fact, int sample) {
  if (fact.question.empty()) return sample % 2 == 0 ? Ask::TextUnderHeading : Ask::Text;
  if (sample % 2 == 0) return Ask::Reword;
  return sample % 4 == 1 ? Ask::Text : Ask::TextUnderHeading;
}

}  // namespace

std::vector<WordingRequest> wording_requests(const WordingBatch& batch, const GenerateOptions& options,
                                             bool constrained) {
  std::vector<WordingRequest> requests;
  for (std::size_t f = 0; f < batch.facts.size(); ++f) {
    const FactToWord& fact = batch.facts[f];
    const std::uint64_t fact_seed = mix_seed(options.seed, hash64(fact.fact.key));
    std::array<int, 3> asked{};  // by kind: the next prompt variant
    for (int sample = 0; sample < options.samples_per_fact; ++sample) {
      WordingRequest request;
      request.fact = f;
      const Ask ask = ask_of(fact, sample);
      const int turn = asked[static_cast<std::size_t>(ask)]++;
      // A text is long, so it is read under three prompts and drawn from several times; a question is short.
      const int variant = (ask == Ask::Reword ? turn : turn * 4) % (ask == Ask::Reword ? kPromptVariants : 12);
      request.form = ask == Ask::Reword ? "teacher" : "asked";
      if (ask == Ask::Reword) {
        request.chat.messages = reword_messages(variant, batch.voice, fact.question);
      } else {
        const std::string heading = ask == Ask::Text ? "" : fact.fact.heading;
        request.chat.messages = ask_messages(variant, batch.voice, heading, fact.fact.answer);
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

std::size_t fresh_prompt_bytes(const std::vector<WordingRequest>& requests) {
  std::vector<std::string> prompts;
  for (const WordingRequest& request : requests) {
    std::string& prompt = prompts.emplace_back();
    for (const Message& message : request.chat.messages) {
      prompt += message.text;
      prompt += '\n';
    }
  }
  std::sort(prompts.begin(), prompts.end());
  std::size_t fresh = 0;
  std::string_view before;
  for (const std::string& prompt : prompts) {
    const auto [at, other] = std::mismatch(prompt.begin(), prompt.end(), before.begin(), before.end());
    fresh += static_cast<std::size_t>(prompt.end() - at);
    before = prompt;
  }
  return fresh;
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
