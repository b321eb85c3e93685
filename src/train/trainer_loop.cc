// One step after the other: data, forward and backward, clipping, AdamW, validation, checkpoints.
#include "train/trainer_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/strings.h"
#include "sys/folder.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

constexpr double kMeanLossMemory = 0.9;          // of the running mean that spikes are compared with
constexpr std::int64_t kStepsBeforeSpikes = 20;  // the first losses say nothing about what is normal
constexpr double kLowestNormalLoss = 0.3;        // a memorised set has a loss near 0: ten times that is no spike
constexpr int kMaxRollbacks = 2;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<const Example*> pointers_to(const std::vector<Example>& examples) {
  std::vector<const Example*> list;
  for (const Example& example : examples) list.push_back(&example);
  return list;
}

std::string make_fingerprint(const BaseModel& base, const TrainData& data, const TrainOptions& options) {
  return sha256_hex(base.sha256 + "\n" + options_json(options) + "\n" + hash_examples(data.train) + "\n" +
                    hash_examples(data.validation));
}

}  // namespace

GraphLimits graph_limits(const TrainData& data, const TrainOptions& resolved) {
  std::int64_t longest = 1;
  for (const auto* part : {&data.train, &data.validation}) {
    for (const Example& example : *part) longest = std::max(longest, static_cast<std::int64_t>(example.ids.size()));
  }
  const std::int64_t step_tokens =
      resolved.tokens_per_step > 0 ? std::max(resolved.tokens_per_step, longest) : resolved.rows_per_step * longest;
  return {.max_tokens = std::max(longest, std::min(resolved.micro_tokens, step_tokens)), .max_length = longest};
}

PackOptions step_packs(const TrainOptions& resolved, std::int64_t capacity) {
  return {.capacity = capacity,
          .question_weight = resolved.question_weight,
          .share_prefix = resolved.method == Method::Full || resolved.lora.dropout == 0};
}

TrainerLoop::TrainerLoop(const Cpu& cpu, const BaseModel& base, Weights& weights, const TrainData& data,
                         const TrainOptions& resolved, FrozenBase frozen, const fs::path& run, Reporter& reporter)
    : cpu_(cpu), data_(data), options_(resolved), run_(run), reporter_(reporter), order_(data.train, resolved.seed) {
  wanted_steps_ = resolved.steps;
  manifest_ = {.fingerprint = make_fingerprint(base, data, resolved),
               .base_name = base.name,
               .base_sha256 = base.sha256,
               .options = options_json(resolved),
               .method = resolved.method,
               .lora = resolved.lora,
               .config = weights.config,
               .state = {}};
  make_folders(run);
  make_graph(weights, frozen);
  optimizer_.emplace(cpu, graph_->trained(), resolved);
  validation_packs_ = make_packs(pointers_to(data.validation), {.capacity = capacity_});
  resume();
}

void TrainerLoop::make_graph(Weights& weights, FrozenBase frozen) {
  const GraphLimits limits = graph_limits(data_, options_);
  capacity_ = limits.max_tokens;
  Rng rng(options_.seed);
  if (trains_adapter(options_.method)) {
    if (options_.method == Method::Qlora) quantize_linears(weights, Nf4Codes::Kept);
    if (options_.adapter.empty()) {
      lora_ = init_lora(weights.config, options_.lora, rng);
      init_magnitudes(weights, lora_);
    } else {
      lora_ = load_adapter(options_.adapter, weights.config);
      lora_.config = options_.lora;
    }
    graph_ = make_lora_graph(cpu_, weights, lora_, limits, frozen);
  } else {
    graph_ = make_full_graph(cpu_, weights, limits);
  }
  manifest_.state.rng = rng.state();
}

void TrainerLoop::resume() {
  const auto checkpoints = list_checkpoints(run_, CheckpointKind::Last);
  const auto found = first_good(checkpoints, reporter_);
  if (!found && !checkpoints.empty()) {
    throw Error(Kind::Input,
                fmt::format("none of the {} checkpoints in {} is whole, so training cannot go on from them",
                            checkpoints.size(), run_.string()),
                "check the disk's health, then remove that folder and run the same command: training starts over");
  }
  if (found) {
    if (found->manifest.fingerprint != manifest_.fingerprint) {
      throw Error(Kind::User, found->folder.string() + " belongs to a run with other data, settings or base model",
                  "use another run folder, or remove this one to start over");
    }
    read_tensors(found->folder, graph_->trained(), &optimizer_->moments());
    graph_->weights_changed();
    manifest_.state = found->manifest.state;
    optimizer_->set_updates(manifest_.state.updates);
    order_.seek(manifest_.state.position);
    if (manifest_.state.planned_steps > 0) options_.steps = manifest_.state.planned_steps;
    reporter_.note(fmt::format("training goes on after step {} of {}", manifest_.state.step, options_.steps));
  }
  tidy_checkpoints(run_, manifest_.state.finished);
  if (!manifest_.state.finished) metrics_.emplace(run_ / "metrics.jsonl", manifest_.state.step);
}

TrainResult TrainerLoop::run() {
  TrainState& state = manifest_.state;
  if (state.finished) return result();
  start_ = std::chrono::steady_clock::now();
  first_step_ = state.step;
  reporter_.begin(fmt::format("train ({})", method_name(options_.method)), options_.steps, "steps");
  while (state.step < options_.steps && !out_of_patience()) {
    const auto step_start = std::chrono::steady_clock::now();
    const StepOutcome outcome = step();
    record(outcome, seconds_since(step_start));
    fit_into_time();
    if (state.bad_steps >= options_.max_bad_steps) roll_back();
    if (state.step % options_.validate_every == 0 || state.step == options_.steps) validate();
    const bool due = state.step % options_.save_every == 0 && state.step < options_.steps;
    if (due || interrupted()) save(CheckpointKind::Last);
    stop_if_interrupted();
  }
  state.finished = true;
  save(CheckpointKind::Last);
  seconds_ = seconds_since(start_);
  memory_ = process_memory();
  reporter_.end(fmt::format("{} steps, loss {:.3f} a token", state.step, last_loss_) +
                (state.best_step >= 0
                     ? fmt::format(", best validation loss {:.3f} at step {}", state.best_loss, state.best_step)
                     : "") +
                (state.step < options_.steps ? " (stopped early: no further gain)" : ""));
  return result();
}

TrainerLoop::StepOutcome TrainerLoop::step() {
  TrainState& state = manifest_.state;
  const auto examples = order_.next(options_.rows_per_step, options_.tokens_per_step);
  const std::vector<Pack> packs = make_packs(examples, step_packs(options_, capacity_));
  const auto zero_start = std::chrono::steady_clock::now();
  graph_->zero_gradients();
  zero_seconds_ += seconds_since(zero_start);
  StepOutcome outcome;
  double sum = 0;
  double weight = 0;
  const std::uint64_t step_seed = mix_seed(options_.seed, static_cast<std::uint64_t>(state.step));
  for (std::size_t i = 0; i < packs.size(); ++i) {
    sum += graph_->loss_and_gradients(packs[i], mix_seed(step_seed, i));
    weight += packs[i].total_weight();
    outcome.tokens += packs[i].n_sequence_tokens();
  }
  // The losses of all packs count alike, token by token: one division at the end, whatever the packs' sizes.
  const auto optimizer_start = std::chrono::steady_clock::now();
  const double scale = 1.0 / weight;
  outcome.loss = sum * scale;
  outcome.norm = optimizer_->gradient_norm(scale);
  if (!is_bad(outcome.loss, outcome.norm)) {
    optimizer_->step(learning_rate_at(options_, state.step) * state.learning_rate_factor, scale, outcome.norm);
    optimizer_seconds_ += seconds_since(optimizer_start);
    graph_->weights_changed();
    outcome.applied = true;
  }
  return outcome;
}

bool TrainerLoop::is_bad(double loss, double norm) const {
  const TrainState& state = manifest_.state;
  if (!std::isfinite(loss) || !std::isfinite(norm)) return true;
  return state.updates >= kStepsBeforeSpikes &&
         loss > options_.spike_factor * std::max(state.mean_loss, kLowestNormalLoss);
}

void TrainerLoop::record(const StepOutcome& outcome, double seconds) {
  TrainState& state = manifest_.state;
  const double rate = static_cast<double>(outcome.tokens) / seconds;
  const double learning_rate = learning_rate_at(options_, state.step) * state.learning_rate_factor;
  ++state.step;
  state.position = order_.position();
  state.trained_tokens += outcome.tokens;
  state.updates = optimizer_->updates();
  if (outcome.applied) {
    state.mean_loss =
        state.mean_loss == 0 ? outcome.loss : kMeanLossMemory * state.mean_loss + (1 - kMeanLossMemory) * outcome.loss;
    state.bad_steps = 0;
    last_loss_ = outcome.loss;
  } else {
    ++state.bad_steps;
    ++state.skipped_steps;
    reporter_.warn(fmt::format("step {} was not applied: loss {}, gradient norm {} ({} in a row)", state.step,
                               outcome.loss, outcome.norm, state.bad_steps));
  }
  rates_.push_back(rate);
  metrics_->step({.step = state.step,
                  .loss = outcome.loss,
                  .learning_rate = learning_rate,
                  .gradient_norm = outcome.norm,
                  .tokens_per_second = rate,
                  .skipped = !outcome.applied});
  std::string detail = fmt::format("loss {:.3f}", outcome.loss);
  if (state.best_step >= 0) detail += fmt::format(", best validation {:.3f}", state.best_loss);
  reporter_.update(state.step, detail + fmt::format(", {} tok/s", human_count(rate)));
}

// The forecast came from two seconds of a processor that others may use too. Every ten steps the rest is planned anew
// by the speed so far, up to what was wanted; the schedule goes on from where it is to the new end, so that the last
// steps have a small learning rate in any case.
void TrainerLoop::fit_into_time() {
  constexpr std::int64_t kEvery = 10;
  constexpr double kWorthIt = 0.05;  // a smaller change is not worth a word
  TrainState& state = manifest_.state;
  const std::int64_t done = state.step - first_step_;
  if (done == 1) second_step_start_ = std::chrono::steady_clock::now();
  const std::int64_t planned = options_.steps - state.step;
  if (options_.seconds <= 0 || planned <= 0 || done == 0 || done % kEvery != 0) return;
  const double step_s = seconds_since(second_step_start_) / static_cast<double>(done - 1);
  const auto left = static_cast<std::int64_t>((options_.seconds - seconds_since(start_)) / step_s);
  const std::int64_t affordable = std::min(state.step + std::max(left, std::min(kEvery, planned)), wanted_steps_);
  const double change = static_cast<double>(affordable - options_.steps) / static_cast<double>(options_.steps);
  if (std::abs(change) < kWorthIt) return;
  reporter_.note(fmt::format("training steps: {} instead of {}, by this machine's speed so far ({:.1f} s a step)",
                             affordable, options_.steps, step_s));
  options_.steps = state.planned_steps = affordable;
  reporter_.begin(fmt::format("train ({})", method_name(options_.method)), options_.steps, "steps");
}

void TrainerLoop::roll_back() {
  TrainState& state = manifest_.state;
  const auto found = first_good(list_checkpoints(run_, CheckpointKind::Last), reporter_);
  if (!found || state.rollbacks >= kMaxRollbacks) {
    throw Error(
        Kind::User,
        fmt::format("training diverged: {} steps in a row had a loss or gradient that is not finite or far too large",
                    state.bad_steps),
        fmt::format("lower train.learning_rate (now {:g}), for example to {:g}, and train again",
                    options_.learning_rate, options_.learning_rate / 3));
  }
  // Weights go back; the data go on, so that the same examples do not meet the same weights again.
  read_tensors(found->folder, graph_->trained(), &optimizer_->moments());
  graph_->weights_changed();
  optimizer_->set_updates(found->manifest.state.updates);
  state.updates = found->manifest.state.updates;
  state.mean_loss = found->manifest.state.mean_loss;
  state.bad_steps = 0;
  ++state.rollbacks;
  state.learning_rate_factor *= 0.5;
  metrics_->rollback(state.step, found->manifest.state.step, state.learning_rate_factor);
  reporter_.warn(fmt::format("weights set back to step {}, learning rate halved", found->manifest.state.step));
}

double TrainerLoop::validation_loss() {
  double sum = 0;
  std::int64_t labelled = 0;
  for (const Pack& pack : validation_packs_) {
    sum += graph_->loss(pack);
    labelled += pack.n_labelled();
  }
  return sum / static_cast<double>(labelled);
}

void TrainerLoop::validate() {
  if (validation_packs_.empty()) return;
  TrainState& state = manifest_.state;
  const double loss = validation_loss();
  metrics_->validation(state.step, loss);
  const bool better = std::isfinite(loss) && (state.best_step < 0 || loss < state.best_loss - options_.min_improvement);
  if (!better) {
    ++state.validations_since_best;
    return;
  }
  state.best_loss = loss;
  state.best_step = state.step;
  state.validations_since_best = 0;
  save(CheckpointKind::Best);
}

bool TrainerLoop::out_of_patience() const {
  return options_.patience > 0 && manifest_.state.validations_since_best >= options_.patience;
}

void TrainerLoop::save(CheckpointKind kind) {
  if (kind == CheckpointKind::Last) metrics_->sync();  // a run that resumes here must find every line up to here
  write_checkpoint(run_, kind, manifest_, graph_->trained(),
                   kind == CheckpointKind::Last ? &optimizer_->moments() : nullptr);
}

TrainResult TrainerLoop::result() const {
  const TrainState& state = manifest_.state;
  TrainResult out{.method = options_.method,
                  .steps = state.step,
                  .skipped_steps = state.skipped_steps,
                  .trained_tokens = state.trained_tokens,
                  .best_step = state.best_step,
                  .best_loss = state.best_loss,
                  .last_loss = last_loss_,
                  .seconds = seconds_,
                  .memory = memory_,
                  .stopped_early = state.step < options_.steps,
                  .median_tokens_per_second = 0,
                  .seconds_by = {},
                  .lengths = {}};
  std::vector<double> rates(rates_.begin() + (rates_.empty() ? 0 : 1), rates_.end());
  if (!rates.empty()) {
    const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
    std::nth_element(rates.begin(), middle, rates.end());
    out.median_tokens_per_second = *middle;
  }
  for (int part = 0; part < static_cast<int>(GraphPart::Count); ++part) {
    const auto p = static_cast<GraphPart>(part);
    out.seconds_by.emplace_back(part_name(p), graph_->seconds(p));
  }
  out.seconds_by.emplace_back("AdamW and clipping", optimizer_seconds_);
  out.seconds_by.emplace_back("zeroing gradients", zero_seconds_);
  std::stable_sort(out.seconds_by.begin(), out.seconds_by.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

}  // namespace faqsmith
