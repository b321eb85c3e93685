// The generate stage: sections -> facts and pairs. Harvests questions that stand in the documents, cuts facts from
// prose, adds forms by rule, has a teacher write wordings, and builds unanswerable questions. It judges nothing but
// whether a reply parses; stages/curate does. Each batch is one transaction; its key is a pure function of seed,
// options and facts.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "llm/chat_model.h"
#include "stages/stage.h"

namespace faqsmith {

struct GenerateOptions {
  std::uint64_t seed = 1;
  std::string topic;                           // what the documents are about; may be empty
  std::vector<std::string> example_questions;  // steer the teacher's few-shot prompts
  int samples_per_fact = 48;  // wordings asked for each fact: half reword its question, half are asked of its answer
  int rule_wordings = 14;     // wordings by rule for each fact
  double temperature = 0.85;
  double top_p = 0.95;
  int question_max_tokens = 40;
  int answer_max_tokens = 64;
  int more_facts = 0;         // of a section that asks, beside the one that its heading introduces
  int tokens_per_fact = 120;  // of a section that asks nothing
  int max_facts = 480;        // over all sections; sections share them by size, each keeps at least one
  int unanswerable = 280;     // questions to refuse; 0 = none
  int facts_per_batch = 8;
};

struct GenerateForecast {
  std::int64_t n_facts = 0, n_harvested = 0, n_requests = 0;
  std::int64_t n_prompt_tokens = 0;  // after prefix sharing: what is read afresh
  std::int64_t n_new_tokens = 0;     // expected
  std::int64_t n_answer_tokens = 0;  // of the facts' answers, each once
};
// What generate would ask for; nothing is written.
[[nodiscard]] GenerateForecast forecast_generate(Workspace& workspace, const GenerateOptions& options,
                                                 const ChatModel& teacher);

// Counts: sections, facts, harvested, quoted, forms (all wordings by rule), asked, kept, rejected, failed (requests),
// unanswerable. Throws Error(Input) if there are no sections or no fact was found.
[[nodiscard]] StageReport generate(Workspace& workspace, const GenerateOptions& options, ChatModel& teacher,
                                   Reporter& reporter);

}  // namespace faqsmith
