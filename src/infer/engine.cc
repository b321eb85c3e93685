// The loop: admit, step, sample, finish; until nothing waits and nothing runs.
#include "infer/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "infer/reply.h"
#include "ops/cross_entropy.h"
#include "sys/interrupt.h"
#include "sys/parallel.h"

namespace faqsmith {

ForwardLimits forward_limits(const LlamaConfig& config, Compute compute, const EngineOptions& options) {
  if (options.max_sequences <= 0 || options.step_rows <= 0 || options.max_context_tokens < 0) {
    throw Error(Kind::User, "max_sequences and step_rows must be positive, max_context_tokens not negative",
                "change the setting");
  }
  ForwardLimits limits;
  limits.max_rows = std::max(options.step_rows, options.max_sequences);
  limits.max_logit_rows = std::max(128, options.max_sequences);
  limits.determinism = options.determinism;
  limits.max_positions = options.max_context_tokens == 0
                             ? config.max_positions
                             : std::min<std::int64_t>(options.max_context_tokens, config.max_positions);
  const std::size_t page = forecast_forward(config, compute, limits).page;
  limits.n_pages = static_cast<std::int64_t>(std::max<std::size_t>(1, options.kv_cache_bytes / page));
  return limits;
}

struct Engine::Impl {
  Impl(const Cpu& cpu_used, Weights weights, const Tokenizer& tokenizer_used, TokenId end,
       const EngineOptions& options_used)
      : cpu(cpu_used),
        tokenizer(tokenizer_used),
        end_of_turn(end),
        options(options_used),
        byte_tokens(tokenizer_used),
        forward(make_forward(cpu_used, std::move(weights))),
        scheduler(*forward) {}

  std::unique_ptr<ForwardPass> make_forward(const Cpu& used, Weights weights) const {
    const std::int64_t rows = weights.config.vocab_size;
    if (tokenizer.vocab_size() > rows) {
      throw Error(
          Kind::Input,
          fmt::format("the tokenizer has {} tokens, the weights have rows for {}", tokenizer.vocab_size(), rows),
          "weights and tokenizer must come from one model");
    }
    const ForwardLimits limits = forward_limits(weights.config, used.compute, options);
    auto made = ForwardPass::create(used, std::move(weights), limits, options.weights);
    made->measure(options.times);
    return made;
  }

  void start_fresh() {
    scheduler.forget_everything();
    kept = false;
  }
  void admit_waiting(const std::vector<GenerateJob>& jobs, std::size_t& next, std::vector<GenerateResult>& results,
                     const GenerateCallbacks& callbacks);
  void sample_rows(std::span<const Scheduler::LogitRow> rows);
  void run_scores(std::vector<Sequence>& sequences, std::vector<ScoreResult>& results);
  void add_log_probabilities(std::span<const Scheduler::LogitRow> rows, const Sequence* first,
                             std::vector<ScoreResult>& results);

  Cpu cpu;
  const Tokenizer& tokenizer;
  TokenId end_of_turn;
  EngineOptions options;
  ByteTokens byte_tokens;
  std::unique_ptr<ForwardPass> forward;
  Scheduler scheduler;
  bool kept = false;  // what the cache holds comes from Kept calls that ended well
  std::vector<std::unique_ptr<Reply>> active;
  std::unique_ptr<Reply> waiting;  // built, but there was no room
};

Engine::Engine(const Cpu& cpu, Weights weights, const Tokenizer& tokenizer, TokenId end_of_turn,
               const EngineOptions& options)
    : impl_(std::make_unique<Impl>(cpu, std::move(weights), tokenizer, end_of_turn, options)) {}
Engine::~Engine() = default;

const LlamaConfig& Engine::config() const {
  return impl_->forward->config();
}
int Engine::max_context_tokens() const {
  return static_cast<int>(impl_->forward->limits().max_positions);
}
std::size_t Engine::weight_bytes() const {
  return impl_->forward->weight_bytes();
}
const Scheduler& Engine::scheduler() const {
  return impl_->scheduler;
}

void Engine::Impl::admit_waiting(const std::vector<GenerateJob>& jobs, std::size_t& next,
                                 std::vector<GenerateResult>& results, const GenerateCallbacks& callbacks) {
  while (active.size() < static_cast<std::size_t>(options.max_sequences) && (waiting || next < jobs.size())) {
    if (!waiting) {
      const std::size_t index = next++;
      std::string failure;
      try {
        waiting = std::make_unique<Reply>(jobs[index], index, tokenizer, byte_tokens, end_of_turn,
                                          static_cast<int>(forward->limits().max_positions));
        failure = scheduler.obstacle(waiting->sequence);
      } catch (const Error& e) {
        failure = e.what();
      }
      if (!failure.empty()) {
        waiting.reset();
        results[index].failure = failure;
        if (callbacks.on_done) callbacks.on_done(index);
        continue;
      }
    }
    if (!scheduler.admit(waiting->sequence)) return;
    active.push_back(std::move(waiting));
  }
}

void Engine::Impl::sample_rows(std::span<const Scheduler::LogitRow> rows) {
  const Out<float> logits = forward->logits(0, static_cast<std::int64_t>(rows.size()));
  const auto vocabulary = static_cast<std::size_t>(logits.shape[1]);
  // Rows come in batch order, replies in admission order: find each row's reply by its sequence.
  std::vector<Reply*> owners;
  for (const auto& row : rows) {
    const auto owner =
        std::find_if(active.begin(), active.end(), [&](const auto& r) { return &r->sequence == row.sequence; });
    require(owner != active.end(), "every row of logits belongs to a reply");
    owners.push_back(owner->get());
  }
  const Timed timer(options.times, &StepTimes::sampling);
  parallel_each(static_cast<std::int64_t>(rows.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    owners[at]->sample({logits.data + at * vocabulary, vocabulary});
  });
}

std::vector<GenerateResult> Engine::generate(const std::vector<GenerateJob>& jobs, const GenerateCallbacks& callbacks,
                                             Prefixes prefixes) {
  Impl& s = *impl_;
  const bool keep = prefixes == Prefixes::Kept;
  s.active.clear();
  s.waiting.reset();
  if (!keep || !s.kept) s.start_fresh();
  s.kept = false;  // until the end is reached: an exception leaves half-computed pages behind
  std::vector<GenerateResult> results(jobs.size());
  std::size_t next = 0;
  std::vector<Sequence*> sequences;
  for (;;) {
    stop_if_interrupted();
    s.admit_waiting(jobs, next, results, callbacks);
    require(!s.active.empty() || (!s.waiting && next == jobs.size()), "an empty engine has room for any job");
    if (s.active.empty()) break;
    sequences.clear();
    for (const auto& reply : s.active) sequences.push_back(&reply->sequence);
    const auto rows = s.scheduler.step(sequences);
    if (rows.empty()) continue;
    s.sample_rows(rows);
    std::erase_if(s.active, [&](const auto& reply) {
      if (reply->sequence.n_cached != reply->sequence.tokens.size()) return false;  // its prompt goes on
      if (!reply->advance(callbacks)) return false;
      s.scheduler.finish(reply->sequence, keep ? Scheduler::Pages::Keep : Scheduler::Pages::Drop);
      results[reply->index()] = reply->take_result();
      if (callbacks.on_done) callbacks.on_done(reply->index());
      return true;
    });
  }
  s.kept = keep;
  return results;
}

std::vector<Openings> Engine::openings(const std::vector<std::vector<TokenId>>& prompts, const OpeningsOptions& options,
                                       Prefixes prefixes) {
  Impl& s = *impl_;
  if (prefixes == Prefixes::Fresh || s.options.determinism == Determinism::SameBatch || !s.kept) s.start_fresh();
  s.kept = false;
  std::vector<Openings> found =
      search_openings(prompts, options, s.tokenizer, *s.forward, s.scheduler, s.options.max_sequences);
  s.kept = true;
  return found;
}

std::vector<BestReplies> Engine::best_replies(const std::vector<std::vector<TokenId>>& prompts,
                                              const BestRepliesOptions& options) {
  Impl& s = *impl_;
  s.start_fresh();
  return search_best_replies(prompts, options, s.tokenizer, *s.forward, s.scheduler, s.options.max_sequences);
}

void Engine::Impl::add_log_probabilities(std::span<const Scheduler::LogitRow> rows, const Sequence* first,
                                         std::vector<ScoreResult>& results) {
  const auto n_max = static_cast<std::size_t>(forward->limits().max_logit_rows);
  std::vector<std::int32_t> labels;
  std::vector<float> log_prob(n_max);
  for (std::size_t begin = 0; begin < rows.size(); begin += n_max) {
    const auto part = rows.subspan(begin, std::min(n_max, rows.size() - begin));
    const auto n = static_cast<std::int64_t>(part.size());
    labels.clear();
    for (const auto& row : part) labels.push_back(row.sequence->tokens[row.position + 1]);
    launch(cpu, LogProb{.logits = forward->logits(static_cast<std::int64_t>(begin), n),
                        .labels = {labels.data(), {n}},
                        .log_prob = {log_prob.data(), {n}}});
    for (std::size_t i = 0; i < part.size(); ++i) {
      results[static_cast<std::size_t>(part[i].sequence - first)].log_probability += static_cast<double>(log_prob[i]);
    }
  }
}

void Engine::Impl::run_scores(std::vector<Sequence>& sequences, std::vector<ScoreResult>& results) {
  // In the order of their tokens, so that those who share a beginning meet in the cache.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (results[i].failure.empty()) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sequences[a].tokens < sequences[b].tokens; });
  std::vector<Sequence*> running;
  for (std::size_t next = 0; next < order.size() || !running.empty();) {
    stop_if_interrupted();
    while (next < order.size() && running.size() < static_cast<std::size_t>(options.max_sequences) &&
           scheduler.admit(sequences[order[next]])) {
      running.push_back(&sequences[order[next++]]);
    }
    add_log_probabilities(scheduler.step(running), sequences.data(), results);
    std::erase_if(running, [&](Sequence* sequence) {
      if (sequence->n_cached < sequence->n_total) return false;
      scheduler.finish(*sequence, Scheduler::Pages::Drop);
      return true;
    });
  }
}

std::vector<ScoreResult> Engine::score(const std::vector<ScoreJob>& jobs) {
  impl_->start_fresh();
  std::vector<Sequence> sequences(jobs.size());
  std::vector<ScoreResult> results(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& job = jobs[i];
    Sequence& sequence = sequences[i];
    sequence.tokens = job.prompt;
    sequence.tokens.insert(sequence.tokens.end(), job.continuation.begin(), job.continuation.end());
    const bool known = std::all_of(sequence.tokens.begin(), sequence.tokens.end(),
                                   [&](TokenId id) { return id >= 0 && id < impl_->tokenizer.vocab_size(); });
    if (job.prompt.empty() || job.continuation.empty()) {
      results[i].failure = "nothing to score: prompt and continuation need a token each";
    } else if (!known) {
      results[i].failure = "a token id is outside the vocabulary";
    } else {
      sequence.first_logit = job.prompt.size() - 1;
      sequence.n_total = sequence.tokens.size() - 1;
      results[i].failure = impl_->scheduler.obstacle(sequence);
    }
  }
  impl_->run_scores(sequences, results);
  return results;
}

}  // namespace faqsmith
