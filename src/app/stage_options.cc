// One line a setting; ranges were checked when the setting was read.
#include "app/stage_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

std::uint64_t seed_of(const Config& config) {
  return static_cast<std::uint64_t>(config.integer("seed"));
}

// Names of linears are settled here; anything else needs the model: see TrainOptions::lora_targets.
void set_targets(TrainOptions& out, const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (int i = 0; i < kLinearsPerLayer; ++i) known.emplace_back(peft_name(static_cast<Linear>(i)));
  if (names.empty()) throw Error(Kind::User, "lora.targets is empty", "choose from " + join(known, ", "));
  std::vector<Linear> targets;
  for (const auto& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found != known.end()) {
      targets.push_back(static_cast<Linear>(found - known.begin()));
      continue;
    }
    // A word of letters is a misspelt name, anything else a pattern.
    const bool word = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
    if (const std::string near = did_you_mean(name, known); word && !near.empty()) {
      throw Error(Kind::User, fmt::format("lora.targets names '{}', which is no linear of a Llama", name),
                  fmt::format("did you mean '{}'?", near));
    }
    out.lora_targets = names;
  }
  if (out.lora_targets.empty()) out.lora.targets = std::move(targets);
}

// A number of an options struct and the setting that it is.
template <class Options>
struct Bound {
  std::string_view key;
  std::variant<int Options::*, std::int64_t Options::*, double Options::*, float Options::*> member;
};

constexpr Bound<CutOptions> kCut[] = {
    {"collect.section_tokens", &CutOptions::max_tokens},
    {"collect.join_below_tokens", &CutOptions::min_tokens},
};
constexpr Bound<CollectOptions> kCollect[] = {
    {"collect.max_sections_per_file", &CollectOptions::max_sections_per_source},
};
constexpr Bound<GenerateOptions> kGenerate[] = {
    {"generate.samples_per_fact", &GenerateOptions::samples_per_fact},
    {"generate.rule_wordings", &GenerateOptions::rule_wordings},
    {"generate.temperature", &GenerateOptions::temperature},
    {"generate.top_p", &GenerateOptions::top_p},
    {"generate.question_tokens", &GenerateOptions::question_max_tokens},
    {"generate.answer_tokens", &GenerateOptions::answer_max_tokens},
    {"generate.more_facts", &GenerateOptions::more_facts},
    {"generate.tokens_per_fact", &GenerateOptions::tokens_per_fact},
    {"generate.max_facts", &GenerateOptions::max_facts},
    {"generate.unanswerable", &GenerateOptions::unanswerable},
    {"generate.facts_per_batch", &GenerateOptions::facts_per_batch},
};
constexpr Bound<CurateOptions> kCurate[] = {
    {"curate.keep_per_fact", &CurateOptions::keep_per_fact},
    {"curate.keep_per_statement", &CurateOptions::keep_per_statement},
    {"curate.score_per_fact", &CurateOptions::score_per_fact},
    {"curate.min_gain_share", &CurateOptions::min_gain_share},
    {"curate.distinct_below", &CurateOptions::distinct_below},
};
constexpr Bound<SplitOptions> kSplit[] = {
    {"split.unseen_facts", &SplitOptions::unseen_facts}, {"split.reworded", &SplitOptions::reworded},
    {"split.validation", &SplitOptions::validation},     {"split.refusal_test", &SplitOptions::refusal_test},
    {"split.min_quality", &SplitOptions::min_quality},
};
constexpr Bound<TrainOptions> kTrain[] = {
    {"train.learning_rate", &TrainOptions::learning_rate},
    {"train.warmup_ratio", &TrainOptions::warmup_ratio},
    {"train.weight_decay", &TrainOptions::weight_decay},
    {"train.question_weight", &TrainOptions::question_weight},
    {"train.clip_norm", &TrainOptions::clip_norm},
    {"train.steps", &TrainOptions::steps},
    {"train.epochs", &TrainOptions::epochs},
    {"train.rows_per_step", &TrainOptions::rows_per_step},
    {"train.tokens_per_step", &TrainOptions::tokens_per_step},
    {"train.micro_tokens", &TrainOptions::micro_tokens},
    {"train.max_length", &TrainOptions::max_length},
    {"train.validate_every", &TrainOptions::validate_every},
    {"train.patience", &TrainOptions::patience},
    {"train.save_every", &TrainOptions::save_every},
};
constexpr Bound<TrainStageOptions> kTrainStage[] = {
    {"train.vary_questions", &TrainStageOptions::vary_questions},
    {"train.openings", &TrainStageOptions::openings},
    {"train.opening_tokens", &TrainStageOptions::opening_tokens},
    {"train.keep_runs", &TrainStageOptions::keep_runs},
};
constexpr Bound<LoraConfig> kLora[] = {
    {"lora.rank", &LoraConfig::rank},
    {"lora.alpha", &LoraConfig::alpha},
    {"lora.dropout", &LoraConfig::dropout},
};
constexpr Bound<ExportOptions> kExport[] = {
    {"export.hf_shard_gb", &ExportOptions::hf_shard_gb},
};
constexpr Bound<EvaluateOptions> kEvaluate[] = {
    {"evaluate.limit_per_part", &EvaluateOptions::limit_per_part},
    {"evaluate.max_tokens", &EvaluateOptions::max_tokens},
};

// The struct's own defaults, with what the user set.
template <class Options, std::size_t N>
Options filled(const Config& config, const Bound<Options> (&table)[N]) {
  Options out;
  for (const auto& bound : table) {
    std::visit(
        [&](auto member) {
          using Number = std::remove_reference_t<decltype(out.*member)>;
          out.*member = static_cast<Number>(config.number(bound.key));
        },
        bound.member);
  }
  return out;
}

template <class Options, std::size_t N>
std::optional<std::string> find_default(std::string_view key, const Bound<Options> (&table)[N]) {
  const Options defaults;
  for (const auto& bound : table) {
    if (bound.key != key) continue;
    return std::visit([&](auto member) { return fmt::format("{}", defaults.*member); }, bound.member);
  }
  return std::nullopt;
}

}  // namespace

std::string stage_default(std::string_view key) {
  if (auto text = find_default(key, kGenerate)) return *text;
  if (auto text = find_default(key, kCurate)) return *text;
  if (auto text = find_default(key, kSplit)) return *text;
  if (auto text = find_default(key, kTrain)) return *text;
  if (auto text = find_default(key, kTrainStage)) return *text;
  if (auto text = find_default(key, kLora)) return *text;
  if (auto text = find_default(key, kEvaluate)) return *text;
  if (auto text = find_default(key, kExport)) return *text;
  if (auto text = find_default(key, kCut)) return *text;
  if (auto text = find_default(key, kCollect)) return *text;
  throw Error(Kind::Internal, fmt::format("the default of setting {} stands nowhere", key));
}

CollectOptions collect_options(const Config& config) {
  CollectOptions out = filled(config, kCollect);
  out.cut = filled(config, kCut);
  for (const auto& path : config.list("documents")) out.inputs.emplace_back(path);
  if (out.inputs.empty()) {
    throw Error(Kind::User, "no documents are named",
                "name files or folders: faqsmith build DOCS, or set documents in faqsmith.yaml");
  }
  out.max_file_bytes = static_cast<std::size_t>(config.integer("collect.max_file_mib")) << 20;
  return out;
}

GenerateOptions generate_options(const Config& config) {
  GenerateOptions out = filled(config, kGenerate);
  out.seed = seed_of(config);
  out.topic = config.text("bot.topic");
  out.example_questions = config.list("generate.examples");
  return out;
}

CurateOptions curate_options(const Config& config) {
  CurateOptions out = filled(config, kCurate);
  out.seed = seed_of(config);
  out.topic = config.text("bot.topic");
  return out;
}

SplitOptions split_options(const Config& config) {
  SplitOptions out = filled(config, kSplit);
  out.seed = seed_of(config);
  out.distinct_below = config.number("curate.distinct_below");
  return out;
}

TrainOptions train_options(const Config& config) {
  TrainOptions out = filled(config, kTrain);
  out.method = parse_method(config.text("train.method"));
  out.base_memory = parse_base_memory(config.text("train.base_memory"));
  out.schedule = parse_schedule(config.text("train.schedule"));
  out.lora = filled(config, kLora);
  out.adapter = config.text("train.adapter");
  out.lora.rslora = config.on("lora.rslora");
  out.lora.dora = config.on("lora.dora");
  set_targets(out, config.list("lora.targets"));
  out.lora_layers = config.list("lora.layers");
  out.decay_embedding = config.on("train.decay_embedding");
  out.seed = seed_of(config);
  return out;
}

TrainStageOptions train_stage_options(const Config& config, const fs::path& base_model) {
  TrainStageOptions out = filled(config, kTrainStage);
  out.drop_long = config.on("train.drop_long");
  out.train = train_options(config);
  out.topic = config.text("bot.topic");
  out.base_model = base_model;
  return out;
}

EvaluateOptions evaluate_options(const Config& config, const fs::path& workspace) {
  EvaluateOptions out = filled(config, kEvaluate);
  out.seed = seed_of(config);
  out.topic = config.text("bot.topic");
  out.candidates = config.number("bot.temperature") > 0 ? 1 : config.small("bot.candidates");
  out.report_folder = workspace / "runs";
  return out;
}

ExportOptions export_options(const Config& config) {
  ExportOptions out = filled(config, kExport);
  const std::string& type = config.text("export.hf_type");
  out.hf_type = type == "bf16" ? SafeFloat::BF16 : type == "f16" ? SafeFloat::F16 : SafeFloat::F32;
  out.topic = config.text("bot.topic");
  out.temperature = config.number("bot.temperature");
  return out;
}

AnswerOptions answer_options(const Config& config) {
  AnswerOptions out;
  out.topic = config.text("bot.topic");
  out.sampling.max_tokens = config.small("bot.max_tokens");
  out.sampling.temperature = config.number("bot.temperature");
  out.sampling.min_p = config.number("bot.min_p");
  out.sampling.seed = seed_of(config);
  out.candidates = out.sampling.temperature > 0 ? 1 : config.small("bot.candidates");
  return out;
}

}  // namespace faqsmith
