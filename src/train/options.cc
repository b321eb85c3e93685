// Defaults by model, range checks, the learning-rate schedule.
#include "train/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "base/error.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "model/lora_selection.h"

namespace faqsmith {
namespace {

constexpr const char* kMethods[] = {"auto", "full", "lora", "qlora"};
constexpr const char* kBaseMemories[] = {"auto", "packed", "streamed"};
constexpr const char* kSchedules[] = {"cosine", "linear", "constant"};

template <std::size_t N>
std::size_t index_of(const char* const (&names)[N], const std::string& name, const char* setting) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return i;
  }
  const std::vector<std::string> all(names, names + N);
  const std::string near = did_you_mean(name, all);
  throw Error(Kind::User, fmt::format("{} cannot be \"{}\"", setting, name),
              near.empty() ? "use one of: " + join(all, ", ")
                           : fmt::format("did you mean \"{}\"? Possible: {}", near, join(all, ", ")));
}

void check(bool holds, const char* setting, const char* range) {
  if (!holds)
    throw Error(Kind::User, fmt::format("{} is out of range", setting), fmt::format("give {} {}", setting, range));
}

void check_ranges(const TrainOptions& o) {
  check(o.learning_rate > 0 && o.learning_rate < 1, "train.learning_rate", "a number between 0 and 1, e.g. 3e-4");
  check(o.warmup_ratio >= 0 && o.warmup_ratio <= 1, "train.warmup_ratio", "a number between 0 and 1");
  check(o.weight_decay >= 0 && o.weight_decay < 1, "train.weight_decay", "a number from 0 up to 1");
  check(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 > 0 && o.beta2 < 1, "train.beta1 or train.beta2",
        "a number from 0 up to 1");
  check(o.epsilon > 0, "train.epsilon", "a positive number");
  check(o.question_weight >= 0 && o.question_weight <= 1, "train.question_weight", "between 0 and 1");
  check(o.clip_norm >= 0, "train.clip_norm", "a positive number, or 0 for no clipping");
  check(o.steps > 0, "train.steps", "a positive number, or 0 to let train.epochs decide");
  check(o.rows_per_step > 0, "train.rows_per_step", "a positive number");
  check(o.max_length > 1, "train.max_length", "at least 2 tokens");
  check(o.validate_every > 0, "train.validate_every", "a positive number of steps");
  check(o.save_every > 0, "train.save_every", "a positive number of steps");
  check(o.patience >= 0, "train.patience", "0 or more");
  check(o.max_bad_steps > 0 && o.spike_factor > 1, "train.max_bad_steps or train.spike_factor", "a larger number");
  check(o.lora.rank > 0 && o.lora.rank <= 1024, "train.lora.rank", "a number from 1 to 1024");
  check(o.lora.dropout >= 0 && o.lora.dropout < 1, "train.lora.dropout", "a number from 0 up to 1");
  check(!trains_adapter(o.method) || !o.lora.targets.empty(), "train.lora.targets", "at least one linear, e.g. q_proj");
}

}  // namespace

const char* method_name(Method method) {
  return kMethods[static_cast<int>(method)];
}
const char* method_words(Method method) {
  if (method == Method::Full) return "full";
  return method == Method::Qlora ? "QLoRA" : "LoRA";
}
const char* schedule_name(Schedule schedule) {
  return kSchedules[static_cast<int>(schedule)];
}
Method parse_method(const std::string& name) {
  return static_cast<Method>(index_of(kMethods, name, "train.method"));
}
BaseMemory parse_base_memory(const std::string& name) {
  return static_cast<BaseMemory>(index_of(kBaseMemories, name, "train.base_memory"));
}
Schedule parse_schedule(const std::string& name) {
  return static_cast<Schedule>(index_of(kSchedules, name, "train.schedule"));
}

TrainOptions resolve(TrainOptions options, const LlamaConfig& model, std::int64_t n_examples, std::int64_t n_tokens) {
  if (options.method == Method::Auto) {
    options.method = model.n_parameters() < kFullBelowParameters ? Method::Full : Method::Lora;
  }
  if (options.learning_rate == 0) {
    options.learning_rate = options.method == Method::Full ? kFullLearningRate : kLoraLearningRate;
  }
  if (options.steps == 0) {
    check(options.epochs > 0, "train.epochs", "a positive number");
    const double per_epoch = options.tokens_per_step > 0
                                 ? static_cast<double>(n_tokens) / static_cast<double>(options.tokens_per_step)
                                 : static_cast<double>(n_examples) / static_cast<double>(options.rows_per_step);
    options.steps = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(options.epochs * per_epoch)));
  }
  if (trains_adapter(options.method) && !(options.lora_targets.empty() && options.lora_layers.empty())) {
    std::vector<std::string> targets = options.lora_targets;
    for (const Linear linear : options.lora.targets) {
      if (options.lora_targets.empty()) targets.emplace_back(peft_name(linear));
    }
    select_modules(options.lora, model, targets, options.lora_layers);
  }
  options.max_length = std::min(options.max_length, model.max_positions);
  options.micro_tokens = std::max(options.micro_tokens, options.max_length);
  check_ranges(options);
  return options;
}

std::string options_json(const TrainOptions& o) {
  nlohmann::ordered_json json = {{"method", method_name(o.method)},
                                 {"learning_rate", o.learning_rate},
                                 {"schedule", schedule_name(o.schedule)},
                                 {"warmup_ratio", o.warmup_ratio},
                                 {"weight_decay", o.weight_decay},
                                 {"beta1", o.beta1},
                                 {"beta2", o.beta2},
                                 {"epsilon", o.epsilon},
                                 {"question_weight", o.question_weight},
                                 {"clip_norm", o.clip_norm},
                                 {"steps", o.steps},
                                 {"epochs", o.epochs},
                                 {"rows_per_step", o.rows_per_step},
                                 {"tokens_per_step", o.tokens_per_step},
                                 {"micro_tokens", o.micro_tokens},
                                 {"max_length", o.max_length},
                                 {"validate_every", o.validate_every},
                                 {"patience", o.patience},
                                 {"min_improvement", o.min_improvement},
                                 {"save_every", o.save_every},
                                 {"max_bad_steps", o.max_bad_steps},
                                 {"spike_factor", o.spike_factor},
                                 {"seed", o.seed}};
  if (o.method != Method::Full) {
    std::vector<std::string> targets;
    for (const Linear target : o.lora.targets) targets.emplace_back(peft_name(target));
    json["lora"] = {{"rank", o.lora.rank}, {"alpha", o.lora.alpha}, {"dropout", o.lora.dropout}, {"targets", targets}};
    // Absent when off: keys of earlier versions stay what they were.
    if (o.lora.rslora) json["lora"]["rslora"] = true;
    if (o.lora.dora) json["lora"]["dora"] = true;
    if (!o.lora_targets.empty()) json["lora"]["target_patterns"] = o.lora_targets;
    if (!o.lora_layers.empty()) json["lora"]["layers"] = o.lora_layers;
    if (!o.adapter_sha256.empty()) json["lora"]["adapter"] = o.adapter_sha256;
  }
  if (!o.decay_embedding) json["decay_embedding"] = false;
  return json_text(json);
}

double learning_rate_at(const TrainOptions& options, std::int64_t step) {
  const auto total = static_cast<double>(options.steps);
  const double warmup = std::ceil(options.warmup_ratio * total);
  const auto now = static_cast<double>(step);
  if (now < warmup) return options.learning_rate * (now + 1) / warmup;
  if (options.schedule == Schedule::Constant) return options.learning_rate;
  const double progress = std::min(1.0, (now - warmup) / std::max(1.0, total - warmup));
  if (options.schedule == Schedule::Linear) return options.learning_rate * (1 - progress);
  return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace faqsmith
