// Generation and scoring of token sequences, many at once: scheduler, forward pass and samplers put together.
// Text comes in and goes out as tokens here; conversations are llm/'s business. One thread calls it; it uses all cores.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "infer/best_replies.h"
#include "infer/forward.h"
#include "infer/openings.h"
#include "infer/sampler.h"
#include "infer/scheduler.h"

namespace faqsmith {

struct EngineOptions {
  int max_sequences = 64;                             // replies that grow at the same time
  int step_rows = 512;                                // tokens of one step, prompts and replies together
  std::size_t kv_cache_bytes = std::size_t{1} << 30;  // taken as it is needed
  int max_context_tokens = 0;                         // 0 = the model's
  WeightForm weights = WeightForm::Packed;
  Determinism determinism = Determinism::AnyBatch;
  StepTimes* times = nullptr;  // benchmarks: where to add up what steps cost; outlives the engine
};

// What a reply does at an end-of-turn token. Continue is for benchmarks: the token is kept and generation goes on.
enum class AtEnd { Stop, Continue };

struct GenerateJob {
  std::vector<TokenId> prompt;
  SamplerOptions sampling = {};
  int max_tokens = 128;
  std::vector<std::string> stop = {};                // the reply ends before the first of these; ignored with a grammar
  std::shared_ptr<const Grammar> grammar = nullptr;  // may be null
  AtEnd at_end = AtEnd::Stop;
  std::size_t n_opening = 0;  // tokens at the prompt's end that openings() found: the reply's first ones
};

enum class EndedBy { EndOfTurn, StopString, Grammar, Limit, Caller, Failure };

struct GenerateResult {
  std::vector<TokenId> tokens = {};  // new tokens, the end-of-turn token included
  std::string text = {};             // valid UTF-8
  EndedBy ended_by = EndedBy::Failure;
  std::string failure = {};                    // one sentence, if ended_by is Failure
  std::vector<double> log_probabilities = {};  // natural logarithms, of each of `tokens`
  double log_probability = 0;                  // their sum
};

struct GenerateCallbacks {
  std::function<void(std::size_t job)> on_done = {};
  // Pieces of whole characters that no stop string can take back; false ends that reply.
  std::function<bool(std::size_t job, std::string_view piece)> on_text = {};
};

struct ScoreJob {
  std::vector<TokenId> prompt;        // at least one token
  std::vector<TokenId> continuation;  // scored, the end-of-turn token included
};
struct ScoreResult {
  double log_probability = 0;  // natural logarithm, summed over the continuation
  std::string failure = {};    // one sentence; empty if scored
};

class Engine {
 public:
  // Keeps a reference to the tokenizer. Weights are packed and freed. Throws Error(Input) if vocabulary and weights
  // differ.
  Engine(const Cpu& cpu, Weights weights, const Tokenizer& tokenizer, TokenId end_of_turn,
         const EngineOptions& options);
  ~Engine();

  // Prefixes: Fresh = the same jobs give the same bytes, whatever ran before; Kept = prefixes of earlier Kept calls are
  // reused (a growing conversation). Ctrl-C: throws Interrupted between two steps. A job that cannot run fails alone.
  enum class Prefixes { Fresh, Kept };
  [[nodiscard]] std::vector<GenerateResult> generate(const std::vector<GenerateJob>& jobs,
                                                     const GenerateCallbacks& callbacks,
                                                     Prefixes prefixes = Prefixes::Fresh);
  // The likeliest openings of each prompt's reply. Their keys and values stay in the cache for a following Kept call
  // that completes them. Kept: prefixes of earlier Kept calls are reused where that changes no byte (AnyBatch).
  [[nodiscard]] std::vector<Openings> openings(const std::vector<std::vector<TokenId>>& prompts,
                                               const OpeningsOptions& options, Prefixes prefixes = Prefixes::Fresh);
  // The likeliest whole replies of each prompt, all with the same options. Throws Error(User) for bad options.
  [[nodiscard]] std::vector<BestReplies> best_replies(const std::vector<std::vector<TokenId>>& prompts,
                                                      const BestRepliesOptions& options);
  [[nodiscard]] std::vector<ScoreResult> score(const std::vector<ScoreJob>& jobs);

  [[nodiscard]] const LlamaConfig& config() const;
  [[nodiscard]] int max_context_tokens() const;
  [[nodiscard]] std::size_t weight_bytes() const;
  [[nodiscard]] const Scheduler& scheduler() const;  // counters for benchmarks and tests

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The limits that these options mean for this model, for the engine and for forecasts.
[[nodiscard]] ForwardLimits forward_limits(const LlamaConfig& config, Compute compute, const EngineOptions& options);

}  // namespace faqsmith
