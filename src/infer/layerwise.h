// A model run layer by layer over whole sequences, its weights read from a TensorSource a few rows at a time: what
// export compares the trained and the written model by. Promise: needs no memory for weights beyond about 100 MB,
// whatever the model's size, and the same weights give the same bits. float32 throughout. Non-goal: speed in
// generation; each pass reads every weight.
#pragma once
#include <cstdint>
#include <vector>

#include "model/tensor_source.h"
#include "sys/file.h"
#include "text/tokenizer.h"

namespace faqsmith {

// What the model says of the token that comes next.
struct NextPrediction {
  TokenId likeliest = 0, second = 0;
  float likeliest_logit = 0, second_logit = 0;
  double log_probability = 0;  // of the token that does come next in the sequence (natural logarithm); 0 at its end
};

struct LayerwiseJob {
  std::vector<TokenId> ids;
  std::int64_t first = 0;  // the next token is told for positions [first, ids.size())
};

struct LayerwiseResult {
  std::vector<std::vector<NextPrediction>> next;  // [job][position - first]
  // At each job's position `first`: the residual stream after the embedding and after each layer, and the logits.
  std::vector<Buffer<float>> states;  // [n_layers + 1] of [n_jobs, hidden]
  Buffer<float> logits;               // [n_jobs, vocab]
};
[[nodiscard]] LayerwiseResult run_layerwise(const TensorSource& source, const std::vector<LayerwiseJob>& jobs);

// The greedy continuation of each prompt, up to n_tokens, an end token included. drafts: guesses of these texts, which
// save passes where they are right and change nothing where they are wrong (Leviathan et al. 2023, arXiv 2211.17192,
// with the model as its own judge). At most n_tokens passes; keys and values lie in a file without a name in
// scratch_folder between them, 2 · n_layers · kv_width floats a token. Throws Error(Io) where that cannot be written.
struct GreedyTexts {
  std::vector<std::vector<TokenId>> tokens;  // [prompt]
  int n_passes = 0;
};
[[nodiscard]] GreedyTexts continue_greedily(const TensorSource& source,
                                            const std::vector<std::vector<TokenId>>& prompts,
                                            std::vector<std::vector<TokenId>> drafts, int n_tokens,
                                            const std::vector<TokenId>& end_tokens, const fs::path& scratch_folder);

}  // namespace faqsmith
