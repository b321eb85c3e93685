// The likeliest openings of a reply: beam search over its first tokens. A fine-tuned bot that hesitates between two
// facts does so in the first words; after them it recites. So the openings are the answers that it considered.
// The greedy path always stays among them. Deterministic; private to infer/, Engine::openings is the way in.
#pragma once
#include <string>
#include <vector>

#include "infer/scheduler.h"
#include "tensor/device.h"
#include "text/tokenizer.h"

namespace faqsmith {

struct OpeningsOptions {
  int width = 8;   // openings a prompt
  int length = 6;  // tokens of an opening
};

struct Opening {
  std::vector<TokenId> tokens = {};  // at most length; the end-of-turn token is not among them
  double log_probability = 0;        // natural logarithm, of the tokens and, if it ended, of the end
  bool ended = false;                // the whole reply is shorter than length
};

struct Openings {
  std::vector<Opening> list = {};  // the greedy one first, then by falling probability; fewer than width are possible
  std::string failure = {};        // one sentence; empty if there are openings
};

// Needs a scheduler that no sequence uses. What it computes stays in the cache, so that completions start from there.
[[nodiscard]] std::vector<Openings> search_openings(const std::vector<std::vector<TokenId>>& prompts,
                                                    const OpeningsOptions& options, const Tokenizer& tokenizer,
                                                    ForwardPass& forward, Scheduler& scheduler, int max_sequences);

}  // namespace faqsmith
