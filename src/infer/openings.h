// The likeliest openings of a reply: beam search over its first tokens. A fine-tuned bot that hesitates between two
// facts does so in the first words; after them it recites. So the openings are the answers that it considered.
// The greedy path always stays among them. Deterministic; private to infer/, Engine::openings is the way in.
#pragma once
#include <string>
#include <vector>

#include "infer/beam_steps.h"

namespace faqsmith {

struct OpeningsOptions {
  int width = 8;   // openings a prompt
  int length = 6;  // tokens of an opening; one that ended is a whole reply that is shorter
};

struct Openings {
  std::vector<Continuation> list = {};  // the greedy one first, then by falling probability; perhaps fewer than width
  std::string failure = {};             // one sentence; empty if there are openings
};

// Needs a scheduler that no sequence uses. What it computes stays in the cache, so that completions start from there.
[[nodiscard]] std::vector<Openings> search_openings(const std::vector<std::vector<TokenId>>& prompts,
                                                    const OpeningsOptions& options, const Tokenizer& tokenizer,
                                                    ForwardPass& forward, Scheduler& scheduler, int max_sequences);

}  // namespace faqsmith
