// The n likeliest whole replies of a prompt: beam search to the end of the turn. Deterministic; private to infer/,
// Engine::best_replies is the way in.
#pragma once
#include <string>
#include <vector>

#include "infer/beam_steps.h"

namespace faqsmith {

struct BestRepliesOptions {
  int n = 4;
  int beams = 0;         // open beams a prompt; 0 = 2 n, at least 4. More find likelier replies and cost more.
  int max_tokens = 128;  // a reply, the end of the turn included
  // Replies are ranked by log-probability / tokens^length_penalty, the end of the turn counted as a token. 0: the
  // probability of the whole reply, which falls with each token and so favours short ones; 1: the mean of a token.
  double length_penalty = 0;
};

struct BestReplies {
  // At most n, no two with the same text. Whole replies first, best first; then, where fewer than n ended, those that
  // max_tokens cut. A search stops when no open beam can come before the n-th whole reply.
  std::vector<Continuation> list = {};
  std::string failure = {};  // one sentence; empty if there are replies
};

// Throws Error(User) naming the field: n outside [1, 64], beams outside [0, 1024], max_tokens below 1, length_penalty
// outside [0, 2].
void validate(const BestRepliesOptions& options);

// Needs a scheduler that no sequence uses.
[[nodiscard]] std::vector<BestReplies> search_best_replies(const std::vector<std::vector<TokenId>>& prompts,
                                                           const BestRepliesOptions& options,
                                                           const Tokenizer& tokenizer, ForwardPass& forward,
                                                           Scheduler& scheduler, int max_sequences);

}  // namespace faqsmith
