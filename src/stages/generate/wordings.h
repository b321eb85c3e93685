// One batch of teacher requests: built from facts, sent, journalled, turned into pairs.
#pragma once
#include <string>
#include <vector>

#include "faq/teacher_prompts.h"
#include "stages/generate/generate.h"
#include "store/records.h"

namespace faqsmith {

struct FactToWord {
  FactRow fact;          // stored: id is set
  std::string question;  // the one that stood in the document; empty for quoted facts
};

struct WordingRequest {
  std::size_t fact = 0;  // index into the batch
  std::string form;      // teacher (a question reworded) or asked (of a text): what pairs.form will say
  ChatRequest chat;
};

// One batch: facts of one source and how its teacher is spoken to.
struct WordingBatch {
  std::vector<FactToWord> facts;
  TeacherVoice voice;
};

// samples_per_fact requests a fact; a pure function of its arguments.
[[nodiscard]] std::vector<WordingRequest> wording_requests(const WordingBatch& batch, const GenerateOptions& options,
                                                           bool constrained);
// Bytes of their prompts that a model must read when prompts which begin alike share that beginning.
[[nodiscard]] std::size_t fresh_prompt_bytes(const std::vector<WordingRequest>& requests);

// What became of one reply. outcome: kept (question is set), rejected or failed (reason is set).
struct ReadReply {
  std::string question, outcome, reason;
};
[[nodiscard]] ReadReply read_reply(const ChatReply& reply, const FactToWord& fact, bool constrained);

// Teachers from this size on answer in constrained JSON; smaller ones write better questions as plain text.
inline constexpr std::int64_t kJsonTeacherParameters = 3'000'000'000;

}  // namespace faqsmith
