// Ratios below were measured with the default model on the Debian FAQ; docs/decisions/ says how. They shift the
// forecast, never a result.
#include "app/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "app/shelf.h"
#include "app/stage_options.h"
#include "base/strings.h"
#include "faq/prompts.h"
#include "train/trainer.h"

namespace faqsmith {
namespace {

constexpr double kHalfFull =
    1.5;  // batches run empty at their ends: 1.4 and 1.6 times a full one in two runs of the demo
constexpr double kScoredShare = 0.3;        // of the teacher's wordings, what the rules leave to be measured
constexpr double kKeptShare = 0.15;         // of the teacher's wordings, what passes the gates
constexpr double kFormsPerFact = 1.8;       // the document's own question and its plain forms
constexpr double kRuleShare = 0.7;          // of the wordings by rule, what is kept
constexpr double kRewordedShare = 0.85;     // of the training rows, those in other words than the document's
constexpr double kPromptTokens = 34;        // of a training row: system turn, question, template
constexpr double kLongQuestionTokens = 30;  // by which the longest question passes the mean one
constexpr double kScoredTokens = 100;       // one likelihood: prompt and answer
constexpr double kBaseAnswerTokens = 65, kTunedAnswerTokens = 45;  // one evaluated answer
// Tokens that a tuned model writes a second in evaluation, in tokens that training reads: what demos took.
constexpr double kTunedWritesBf16 = 2.0, kTunedWritesF32 = 1.6;
constexpr double kStartSeconds = 3;  // loading a model, opening files
constexpr double kSafety = 1.1;

// How far a budget lowers what, in this order, by what each costs in quality (docs/decisions/0004): steps beyond 450
// bring little; half of the wordings cost less than the steps from 450 to 250 do; what is left falls together.
struct Floor {
  double wordings, steps;  // share of those wanted; optimizer steps
};
constexpr Floor kFloors[] = {{1, 450}, {0.5, 450}, {0.5, 250}, {0.25, 250}, {0.05, 20}};
constexpr double kLeastSamples = 4, kLeastScored = 4;
constexpr std::int64_t kLeastSteps = 20;

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string filler(int words) {
  std::string text;
  for (int i = 0; i < words; ++i)
    text += fmt::format("{} the package {} ", i % 7 == 0 ? "install" : "read", i * 37 % 101);
  return text;
}

// The data that training would see, in shape only: rows of mean length and the longest one, which sets the memory.
TrainData shape_of_data(double n_rows, double row_tokens, double longest) {
  TrainData data;
  Example example;
  example.ids.assign(static_cast<std::size_t>(row_tokens), 0);
  example.trained.assign(static_cast<std::size_t>(row_tokens), true);
  data.train.assign(static_cast<std::size_t>(std::max(1.0, n_rows)), example);
  data.train.back().ids.resize(static_cast<std::size_t>(longest), 0);
  data.train.back().trained.resize(static_cast<std::size_t>(longest), true);
  return data;
}

// Mean length of a training row; reworded ones may carry only the opening of their answer.
double row_tokens(const GenerateForecast& generated, const Config& config) {
  const double answer = static_cast<double>(generated.n_answer_tokens) /
                        static_cast<double>(std::max<std::int64_t>(1, generated.n_facts));
  const double opening = std::min(answer, config.number("train.opening_tokens"));
  const double openings = kRewordedShare * config.number("train.openings");
  return kPromptTokens + (1 - openings) * answer + openings * opening;
}

struct PairCounts {
  double wordings = 0, kept = 0, train_rows = 0, test_items = 0, scored = 0;
};

PairCounts count_pairs(const GenerateForecast& generated, const Config& config) {
  const double facts = static_cast<double>(generated.n_facts);
  const double samples = config.number("generate.samples_per_fact");
  const double refusals = config.number("generate.unanswerable");
  PairCounts out;
  out.wordings = facts * samples;
  out.kept = facts * std::min(config.number("curate.keep_per_fact"), samples * kKeptShare);
  out.scored = facts * (std::min(config.number("curate.score_per_fact"), samples * kScoredShare) + 1);
  const double unseen = config.number("split.unseen_facts");
  const double held_out = config.number("split.reworded") + config.number("split.validation");
  const double refusal_test = config.number("split.refusal_test");
  out.train_rows = (1 - unseen) * (out.kept * (1 - held_out) +
                                   facts * (kFormsPerFact + kRuleShare * config.number("generate.rule_wordings"))) +
                   refusals * (1 - refusal_test);
  out.test_items = out.kept * config.number("split.reworded") + facts * unseen * 2 + refusals * refusal_test;
  return out;
}

}  // namespace

double train_seconds(const MachineSpeed& speed, const TrainForecast& training) {
  return training.tokens * speed.train.token_s + static_cast<double>(training.steps) * speed.train.step_s;
}

std::int64_t steps_in(double seconds, const MachineSpeed& speed, const TrainForecast& training) {
  const double step_s = kSafety * train_seconds(speed, training) / static_cast<double>(training.steps);
  return std::clamp(static_cast<std::int64_t>((seconds - kStartSeconds) / step_s),
                    std::min<std::int64_t>(kLeastSteps, training.steps), training.steps);
}

double train_tokens_per_s(const MachineSpeed& speed, double step_tokens) {
  return step_tokens / std::max(speed.train.token_s * step_tokens + speed.train.step_s, 1e-9);
}

MachineSpeed measure_speed(LocalModel& model, const Cpu& cpu, const LlamaConfig& student, const TrainOptions& options) {
  constexpr int kReaders = 24, kWriters = 32, kNewTokens = 24;
  std::vector<ScoreRequest> reads;
  std::vector<ChatRequest> writes;
  for (int i = 0; i < kReaders; ++i)
    reads.push_back({.messages = bot_messages("", fmt::format("{} {}", i, filler(24))), .continuation = "yes"});
  for (int i = 0; i < kWriters; ++i) {
    ChatRequest request{
        .messages = bot_messages("", fmt::format("{}: list many words", i)), .sampling = {}, .json_schema = ""};
    request.sampling.temperature = 1.0;
    request.sampling.seed = static_cast<std::uint64_t>(i);
    request.sampling.max_tokens = kNewTokens;
    writes.push_back(std::move(request));
  }
  (void)model.score({reads.front()});  // the first call packs weights
  MachineSpeed speed;
  double read_tokens = 0;
  for (const auto& read : reads) read_tokens += model.count_tokens(read.messages.back().text) + 20;
  auto start = Clock::now();
  (void)model.score(reads);
  speed.read = read_tokens / std::max(since(start), 1e-6);
  start = Clock::now();
  double prompts = 0, replies = 0;
  for (const auto& reply : model.generate(writes)) {
    prompts += reply.n_prompt_tokens;
    replies += reply.n_new_tokens;
  }
  const double writing_s = std::max(since(start) - prompts / speed.read, 1e-3);
  speed.write = replies / writing_s;
  const TrainOptions resolved = resolve(options, student, 1, 1);
  speed.train = measure_train_speed(cpu, student, resolved.method, resolved.lora);
  return speed;
}

BuildForecast forecast_build(Workspace& workspace, const Config& config, LocalModel& teacher,
                             const LlamaConfig& student, const MachineSpeed& speed) {
  const GenerateForecast generated = forecast_generate(workspace, generate_options(config), teacher);
  const PairCounts counts = count_pairs(generated, config);
  const TrainForecast training =
      forecast_training(detect_cpu(), student,
                        shape_of_data(counts.train_rows, row_tokens(generated, config),
                                      kPromptTokens + kLongQuestionTokens + config.number("generate.answer_tokens")),
                        train_options(config));
  BuildForecast out;
  out.n_facts = generated.n_facts;
  out.n_pairs = static_cast<std::int64_t>(counts.train_rows);
  out.n_train_steps = training.steps;
  out.generated_tokens = static_cast<double>(generated.n_new_tokens);
  out.trained_tokens = training.tokens;
  const auto add = [&](const char* stage, std::string work, double seconds) {
    out.stages.push_back({stage, std::move(work), kSafety * seconds + kStartSeconds});
    out.seconds += out.stages.back().seconds;
  };
  add("generate",
      fmt::format("{} wordings of {} facts, {} new tokens", human_count(static_cast<double>(generated.n_requests)),
                  generated.n_facts, human_count(out.generated_tokens)),
      kHalfFull * (out.generated_tokens / speed.write + static_cast<double>(generated.n_prompt_tokens) / speed.read));
  add("curate", fmt::format("{} likelihoods", human_count(counts.scored)), counts.scored * kScoredTokens / speed.read);
  add("train",
      fmt::format("{} steps, {} tokens, {} fine-tuning", training.steps, human_count(training.tokens),
                  method_words(training.method)),
      train_seconds(speed, training));
  const double candidates =
      candidates_for(student.n_parameters(), evaluate_options(config, workspace.folder()).candidates);
  const double tuned_write = std::min(
      speed.write, (detect_cpu().compute == Compute::Bf16 ? kTunedWritesBf16 : kTunedWritesF32) / speed.train.token_s);
  add("evaluate", fmt::format("{} questions to two models", human_count(counts.test_items)),
      counts.test_items * (kBaseAnswerTokens / speed.write + candidates * kTunedAnswerTokens / tuned_write +
                           2 * kScoredTokens / speed.read));
  // Evaluation holds both models: the base as it is loaded now, the tuned one as floats, its table in float32.
  const ForwardMemory tuned = forecast_forward(student, detect_cpu().compute, {}, engine_options(config).weights);
  const auto table = static_cast<std::uint64_t>(student.vocab_size * student.hidden_size) * sizeof(float);
  const std::uint64_t engines =
      teacher.engine().weight_bytes() + tuned.weights + table + EngineOptions{}.kv_cache_bytes / 2;
  out.memory_bytes =
      static_cast<std::uint64_t>(kSafety * static_cast<double>(std::max(training.memory_bytes, engines)));
  return out;
}

namespace {

void apply_scale(Config& config, const Config& wanted, double wordings, double steps) {
  const auto set = [&](const char* key, double least, double value) {
    const double lowered = std::max(std::min(least, wanted.number(key)), std::floor(value));
    config.set(key, {fmt::format("{:.0f}", lowered)}, Origin::Flag, "--budget");
  };
  set("generate.samples_per_fact", kLeastSamples, wanted.number("generate.samples_per_fact") * wordings);
  set("curate.score_per_fact", kLeastScored, wanted.number("curate.score_per_fact") * wordings);
  config.set("train.steps", {fmt::format("{:.0f}", std::max<double>(kLeastSteps, std::floor(steps)))}, Origin::Flag,
             "--budget");
}

}  // namespace

BudgetFit fit_budget(double seconds, Workspace& workspace, Config& config, LocalModel& teacher,
                     const LlamaConfig& student, const MachineSpeed& speed) {
  BudgetFit out;
  out.forecast = forecast_build(workspace, config, teacher, student, speed);
  if (out.forecast.seconds <= seconds) return out;
  const Config wanted = config;
  const double wanted_steps = static_cast<double>(out.forecast.n_train_steps);
  double wordings = 1, steps = wanted_steps;
  for (const Floor& floor : kFloors) {
    while (out.forecast.seconds > seconds && (wordings > floor.wordings || steps > floor.steps)) {
      if (wordings > floor.wordings) wordings = std::max(floor.wordings, wordings - 0.05);
      if (steps > floor.steps) steps = std::max(floor.steps, 0.95 * steps);
      apply_scale(config, wanted, wordings, steps);
      out.forecast = forecast_build(workspace, config, teacher, student, speed);
    }
  }
  out.fits = out.forecast.seconds <= seconds;
  const auto say = [&](const char* what, double now, double before) {
    if (now < before) out.changes.push_back(fmt::format("{}: {:.0f} instead of {:.0f}", what, now, before));
  };
  say("wordings asked for each fact", config.number("generate.samples_per_fact"),
      wanted.number("generate.samples_per_fact"));
  say("training steps", config.number("train.steps"), wanted_steps);
  return out;
}

}  // namespace faqsmith
