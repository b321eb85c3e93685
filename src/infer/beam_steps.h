// The common step of beam searches: for many beams of many prompts at once, the likeliest next tokens of each. A beam
// is a sequence of its own in each step: the prefix tree gives it the rows that its parent computed, so that a step
// computes one row a beam. Deterministic; private to infer/.
#pragma once
#include <string>
#include <vector>

#include "infer/scheduler.h"
#include "text/tokenizer.h"

namespace faqsmith {

// What may follow a prompt, under the model itself.
struct Continuation {
  std::vector<TokenId> tokens = {};            // the end-of-turn token is not among them
  std::vector<double> log_probabilities = {};  // natural logarithms, of the tokens and, if it ended, of the end
  double log_probability = 0;                  // their sum
  bool ended = false;
};

struct NextToken {
  TokenId id = -1;
  double log_probability = 0;
};

struct Beam {
  Continuation text;
  std::vector<NextToken> next = {};  // falling; filled by BeamSteps::compute
  bool greedy = false;               // each of its tokens was the likeliest
  Sequence sequence = {};            // BeamSteps' own
};

// The beam with one more token. Any control token ends the turn: a model that opens another turn is done with this one.
[[nodiscard]] Beam extended(const Beam& beam, const NextToken& next, const Tokenizer& tokenizer);

class BeamSteps {
 public:
  // Keeps references. Needs a scheduler that no sequence uses. n_next: tokens wanted of each beam.
  BeamSteps(const Tokenizer& tokenizer, ForwardPass& forward, Scheduler& scheduler, int max_sequences, int n_next);

  // Why a continuation of this length can never be searched; empty if it can.
  [[nodiscard]] std::string obstacle(const std::vector<TokenId>& prompt, int length) const;
  struct Place {
    const std::vector<TokenId>* prompt = nullptr;
    Beam* beam = nullptr;
  };
  // Fills `next` of each; as many at once as fit. Ctrl-C: throws Interrupted.
  void compute(const std::vector<Place>& places);

 private:
  void read_logits(std::span<const Scheduler::LogitRow> rows, const std::vector<Place>& places);

  const Tokenizer& tokenizer_;
  ForwardPass& forward_;
  Scheduler& scheduler_;
  std::size_t max_sequences_, n_next_;
};

}  // namespace faqsmith
