// One assignment a setting; ranges were checked when the setting was read.
#include "app/stage_options.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

std::uint64_t seed_of(const Config& config) {
  return static_cast<std::uint64_t>(config.integer("seed"));
}

std::vector<Linear> parse_targets(const std::vector<std::string>& names) {
  std::vector<Linear> targets;
  std::vector<std::string> known;
  for (int i = 0; i < kLinearsPerLayer; ++i) known.emplace_back(peft_name(static_cast<Linear>(i)));
  for (const auto& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      const std::string near = did_you_mean(name, known);
      throw Error(Kind::User, fmt::format("lora.targets names '{}', which is no linear of a Llama", name),
                  near.empty() ? "choose from " + join(known, ", ") : fmt::format("did you mean '{}'?", near));
    }
    targets.push_back(static_cast<Linear>(found - known.begin()));
  }
  if (targets.empty()) throw Error(Kind::User, "lora.targets is empty", "choose from " + join(known, ", "));
  return targets;
}

}  // namespace

CollectOptions collect_options(const Config& config) {
  CollectOptions out;
  for (const auto& path : config.list("documents")) out.inputs.emplace_back(path);
  if (out.inputs.empty()) {
    throw Error(Kind::User, "no documents are named",
                "name files or folders: faqsmith build DOCS, or set documents in faqsmith.yaml");
  }
  out.cut.max_tokens = config.small("collect.section_tokens");
  out.cut.min_tokens = config.small("collect.join_below_tokens");
  out.max_file_bytes = static_cast<std::size_t>(config.integer("collect.max_file_mib")) << 20;
  out.max_sections_per_source = config.small("collect.max_sections_per_file");
  return out;
}

GenerateOptions generate_options(const Config& config) {
  GenerateOptions out;
  out.seed = seed_of(config);
  out.topic = config.text("bot.topic");
  out.example_questions = config.list("generate.examples");
  out.samples_per_fact = config.small("generate.samples_per_fact");
  out.rule_wordings = config.small("generate.rule_wordings");
  out.temperature = config.number("generate.temperature");
  out.top_p = config.number("generate.top_p");
  out.question_max_tokens = config.small("generate.question_tokens");
  out.answer_max_tokens = config.small("generate.answer_tokens");
  out.more_facts = config.small("generate.more_facts");
  out.tokens_per_fact = config.small("generate.tokens_per_fact");
  out.max_facts = config.small("generate.max_facts");
  out.unanswerable = config.small("generate.unanswerable");
  out.facts_per_batch = config.small("generate.facts_per_batch");
  return out;
}

CurateOptions curate_options(const Config& config) {
  CurateOptions out;
  out.seed = seed_of(config);
  out.topic = config.text("bot.topic");
  out.keep_per_fact = config.small("curate.keep_per_fact");
  out.score_per_fact = config.small("curate.score_per_fact");
  out.min_gain_share = config.number("curate.min_gain_share");
  out.distinct_below = config.number("curate.distinct_below");
  return out;
}

SplitOptions split_options(const Config& config) {
  SplitOptions out;
  out.seed = seed_of(config);
  out.unseen_facts = config.number("split.unseen_facts");
  out.reworded = config.number("split.reworded");
  out.validation = config.number("split.validation");
  out.refusal_test = config.number("split.refusal_test");
  out.distinct_below = config.number("curate.distinct_below");
  out.min_quality = config.number("split.min_quality");
  return out;
}

TrainOptions train_options(const Config& config) {
  TrainOptions out;
  out.method = parse_method(config.text("train.method"));
  out.lora.rank = config.integer("lora.rank");
  out.lora.alpha = static_cast<float>(config.number("lora.alpha"));
  out.lora.dropout = static_cast<float>(config.number("lora.dropout"));
  out.lora.targets = parse_targets(config.list("lora.targets"));
  out.learning_rate = config.number("train.learning_rate");
  out.schedule = parse_schedule(config.text("train.schedule"));
  out.warmup_ratio = config.number("train.warmup_ratio");
  out.weight_decay = config.number("train.weight_decay");
  out.clip_norm = config.number("train.clip_norm");
  out.steps = config.integer("train.steps");
  out.epochs = config.number("train.epochs");
  out.rows_per_step = config.integer("train.rows_per_step");
  out.tokens_per_step = config.integer("train.tokens_per_step");
  out.micro_tokens = config.integer("train.micro_tokens");
  out.max_length = config.integer("train.max_length");
  out.validate_every = config.integer("train.validate_every");
  out.patience = config.small("train.patience");
  out.save_every = config.integer("train.save_every");
  out.seed = seed_of(config);
  return out;
}

EvaluateOptions evaluate_options(const Config& config) {
  EvaluateOptions out;
  out.seed = seed_of(config);
  out.topic = config.text("bot.topic");
  out.limit_per_part = config.small("evaluate.limit_per_part");
  out.max_tokens = config.small("evaluate.max_tokens");
  return out;
}

AnswerOptions answer_options(const Config& config) {
  AnswerOptions out;
  out.topic = config.text("bot.topic");
  out.sampling.max_tokens = config.small("bot.max_tokens");
  out.sampling.temperature = config.number("bot.temperature");
  out.sampling.seed = seed_of(config);
  return out;
}

}  // namespace faqsmith
