// From rows of the workspace to the training loop and back to a report.
#include "stages/train/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/hash.h"
#include "base/rng.h"
#include "base/strings.h"
#include "faq/pair_key.h"
#include "faq/prompts.h"
#include "faq/rewording.h"
#include "store/tables.h"
#include "train/adapter_start.h"

namespace faqsmith {
namespace {

constexpr const char* kStage = "train";
constexpr int kSemantics = 3;
constexpr const char* kTestParts[] = {"reworded", "unseen", "refusal", "gold"};

fs::path run_folder(const fs::path& runs, const std::string& key) {
  return runs / ("train-" + key.substr(0, 12));
}

// A share of the pairs ask carelessly; which ones and how depends on the pair and the seed alone.
void vary_questions(std::vector<PairRow>& pairs, const TrainStageOptions& options, const std::set<std::string>& held) {
  constexpr double kSynonyms = 0.3, kGaps = 0.25;
  for (PairRow& pair : pairs) {
    Rng rng(mix_seed(options.train.seed, hash64(pair.key)));
    if (rng.uniform() >= options.vary_questions) continue;
    std::string varied = with_gaps(with_synonyms(pair.question, kSynonyms, rng), kGaps, rng);
    if (rng.uniform() < 0.6) varied = carelessly_typed(varied);
    if (!trim(varied).empty() && !held.contains(varied)) pair.question = varied;
  }
}

// Which fact a question asks for is settled by the first words of the answer; reciting the rest is learned from the
// fact's other rows. The rows that only teach the choice end there, without an end-of-turn token: more rows in the same
// time.
void keep_opening(Example& example, int tokens) {
  const auto first = std::find(example.trained.begin(), example.trained.end(), true) - example.trained.begin();
  const auto length = static_cast<std::size_t>(first + tokens);
  if (example.ids.size() <= length + 4) return;  // a few tokens saved are not worth an answer without its end
  example.ids.resize(length);
  example.trained.resize(length);
  example.asked.resize(length);
  example.n_answers = 0;
}

bool only_opens(const PairRow& pair, const TrainStageOptions& options) {
  if (!is_from_teacher(pair.form) && pair.form != "rule" && pair.form != "keywords" && pair.form != "context")
    return false;
  return Rng(mix_seed(options.train.seed ^ 0x6f70656eu, hash64(pair.key))).uniform() < options.openings;
}

std::vector<Example> render(const std::vector<PairRow>& pairs, const ChatTemplate& chat, const std::string& topic) {
  std::vector<Example> examples;
  for (const PairRow& pair : pairs) {
    std::vector<Message> messages = bot_messages(topic, pair.question);
    messages.push_back({Role::Assistant, pair.answer});
    RenderedChat rendered = chat.render(messages);
    examples.push_back({.name = fmt::format("{} pair {} \"{}\"", pair.part, pair.id, pair.question),
                        .ids = std::move(rendered.ids),
                        .trained = std::move(rendered.trained),
                        .asked = std::move(rendered.asked)});
  }
  return examples;
}

// A row says "done", but its folder is gone or empty: then the stage has to run again.
void forget_lost_run(Workspace& workspace, const std::string& key) {
  const auto last = last_stage_run(workspace.db(), kStage);
  if (!last || last->key != key || last->state != "done") return;
  const fs::path run = run_folder(workspace.runs(), key);
  if (!list_checkpoints(run, CheckpointKind::Last).empty() || !list_checkpoints(run, CheckpointKind::Best).empty())
    return;
  end_stage_run(workspace.db(), last->id, "failed", "{}", "its checkpoints are gone");
}

// Every change of pairs or settings trains into a new folder: without this a workspace grows by gigabytes a day.
void remove_older_runs(const fs::path& runs, const fs::path& current, int keep, Reporter& reporter) {
  std::vector<std::pair<fs::file_time_type, fs::path>> older;
  for (const auto& entry : fs::directory_iterator(runs)) {
    const bool is_run = entry.is_directory() && entry.path().filename().string().starts_with("train-");
    if (is_run && entry.path() != current) older.emplace_back(entry.last_write_time(), entry.path());
  }
  std::sort(older.begin(), older.end(), std::greater<>());
  std::size_t n = 0;
  for (std::size_t i = static_cast<std::size_t>(std::max(1, keep)) - 1; i < older.size(); ++i, ++n)
    fs::remove_all(older[i].second);
  if (n > 0) reporter.note(fmt::format("removed {} older run{} (train.keep_runs)", n, n == 1 ? "" : "s"));
}

void fill_counts(StageReport& report, const TrainData& data, const TrainResult& result, const TrainForecast& forecast) {
  report.counts = {{"train_pairs", static_cast<double>(data.train.size())},
                   {"validation_pairs", static_cast<double>(data.validation.size())},
                   {"trained_parameters", static_cast<double>(forecast.trained_parameters)},
                   {"steps", static_cast<double>(result.steps)},
                   {"skipped_steps", static_cast<double>(result.skipped_steps)},
                   {"trained_tokens", static_cast<double>(result.trained_tokens)},
                   {"best_step", static_cast<double>(result.best_step)},
                   {"best_loss", result.best_loss},
                   {"full", result.method == Method::Full ? 1.0 : 0.0}};
  const LengthReport& lengths = result.lengths;
  report.counts["tokens"] = static_cast<double>(lengths.tokens);
  report.counts["labelled_tokens"] = static_cast<double>(lengths.labelled);
  report.counts["longest"] = static_cast<double>(lengths.longest);
  report.counts["openings"] = static_cast<double>(lengths.openings);
  report.counts["left_out"] = static_cast<double>(lengths.left_out);
  report.counts["epoch_steps"] = static_cast<double>(lengths.steps);
  report.counts["epoch_packs"] = static_cast<double>(lengths.packs);
  report.counts["pack_fill"] = lengths.fill();
}

TrainData read_fitting_data(Database& db, const ChatTemplate& chat, const TrainStageOptions& options,
                            const LlamaConfig& model) {
  TrainData data = read_train_data(db, chat, options);
  if (options.drop_long) leave_out_long(data, std::min(options.train.max_length, model.max_positions));
  return data;
}

void name_left_out(const TrainData& data, Reporter& reporter) {
  if (data.left_out.empty()) return;
  reporter.warn(fmt::format("{} pairs are longer than train.max_length and are left out", data.left_out.size()));
  for (const std::string& name : data.left_out) reporter.note("left out: " + name);
}

struct Peak {
  std::uint64_t own = 0, mapped = 0;  // bytes
};

// now: the process with the model loaded; resident: the model's own memory in that, which the forecast counts too.
Peak forecast_peak(const ProcessMemory& now, std::uint64_t resident, const TrainForecast& forecast) {
  return {now.anonymous_bytes - std::min(resident, now.anonymous_bytes) + forecast.memory_bytes,
          now.mapped_bytes + forecast.mapped_bytes};
}

void note_memory(const Peak& peak, const TrainForecast& forecast, Reporter& reporter) {
  const char* how = !trains_adapter(forecast.method)        ? ""
                    : forecast.base == FrozenBase::Streamed ? "; frozen weights are streamed a layer at a time"
                                                            : "; frozen weights are packed once";
  reporter.note(fmt::format("memory at the peak, forecast: {} of its own, {} of mapped files{}",
                            human_bytes(static_cast<double>(peak.own)), human_bytes(static_cast<double>(peak.mapped)),
                            how));
}

void report_memory(const Peak& peak, const ProcessMemory& measured, StageReport& report, Reporter& reporter) {
  if (measured.peak_bytes == 0) return;  // a run that was finished before
  report.counts["forecast_memory_bytes"] = static_cast<double>(peak.own);
  report.counts["forecast_mapped_bytes"] = static_cast<double>(peak.mapped);
  report.counts["memory_bytes"] = static_cast<double>(measured.anonymous_bytes);
  report.counts["mapped_bytes"] = static_cast<double>(measured.mapped_bytes);
  report.counts["peak_memory_bytes"] = static_cast<double>(measured.peak_bytes);
  reporter.note(fmt::format("memory, measured: {} of its own, {} of mapped files; peak of this process {}",
                            human_bytes(static_cast<double>(measured.anonymous_bytes)),
                            human_bytes(static_cast<double>(measured.mapped_bytes)),
                            human_bytes(static_cast<double>(measured.peak_bytes))));
}

void note_plan(const TrainData& data, const TrainForecast& forecast, Reporter& reporter) {
  reporter.note(fmt::format("{} fine-tuning of {} parameters on {} pairs: {} steps, about {} tokens",
                            method_words(forecast.method),
                            human_count(static_cast<double>(forecast.trained_parameters)), data.train.size(),
                            forecast.steps, human_count(forecast.tokens)));
}

}  // namespace

TrainData read_train_data(Database& db, const ChatTemplate& chat, const TrainStageOptions& options) {
  std::vector<PairRow> test;
  for (const char* part : kTestParts) {
    for (PairRow& pair : list_pairs_in(db, part)) test.push_back(std::move(pair));
  }
  std::set<std::string> held;
  for (const PairRow& pair : test) held.insert(pair.question);
  std::vector<PairRow> train = list_pairs_in(db, "train");
  vary_questions(train, options, held);
  std::vector<Example> examples = render(train, chat, options.topic);
  for (std::size_t i = 0; i < train.size(); ++i)
    if (only_opens(train[i], options)) keep_opening(examples[i], options.opening_tokens);
  return {.train = std::move(examples),
          .validation = render(list_pairs_in(db, "validation"), chat, options.topic),
          .held_out = render(test, chat, options.topic)};
}

TrainForecast forecast_train_stage(Workspace& workspace, const Cpu& cpu, const TrainStageOptions& given) {
  TrainStageOptions options = given;
  const ModelInfo info = read_model_info(options.base_model);
  take_adapter(options.train, info.config);
  const Tokenizer tokenizer(info.tokenizer);
  const ChatTemplate chat(tokenizer);
  return forecast_training(cpu, info.config, read_fitting_data(workspace.db(), chat, options, info.config),
                           options.train, info.stored);
}

StageReport train_stage(Workspace& workspace, const Cpu& cpu, const TrainStageOptions& given, Reporter& reporter) {
  TrainStageOptions options = given;
  const ModelInfo info = read_model_info(options.base_model);
  take_adapter(options.train, info.config);
  const Tokenizer tokenizer(info.tokenizer);
  const ChatTemplate chat(tokenizer);
  const TrainData data = read_fitting_data(workspace.db(), chat, options, info.config);
  const std::string base_hash = model_sha256(options.base_model);
  const StageIdentity identity{.stage = kStage,
                               .semantics = kSemantics,
                               .options_json = options_json(options.train),
                               .input_hash = sha256_hex(base_hash + hash_examples(data.train) +
                                                        hash_examples(data.validation) + hash_examples(data.held_out)),
                               .seed = options.train.seed};
  forget_lost_run(workspace, identity.key());
  StageReport done = run_stage(workspace, identity, [&](StageReport& report) {
    const TrainForecast forecast = forecast_training(cpu, info.config, data, options.train, info.stored);
    note_plan(data, forecast, reporter);
    name_left_out(data, reporter);
    check_memory(forecast, options.train, memory_facts().available_bytes);
    ModelFile model = load_model(options.base_model, HashFile::No,
                                 trains_adapter(forecast.method) ? Residency::AsStored : Residency::Float32);
    TrainOptions planned = options.train;
    planned.base_memory = forecast.base == FrozenBase::Streamed ? BaseMemory::Streamed : BaseMemory::Packed;
    const Peak peak = forecast_peak(process_memory(), resident_bytes(model.weights), forecast);
    note_memory(peak, forecast, reporter);
    const TrainResult result = train(cpu, {info.name, base_hash}, model.weights, data, chat.end_of_turn(), planned,
                                     run_folder(workspace.runs(), report.key), reporter);
    fill_counts(report, data, result, forecast);
    report_memory(peak, result.memory, report, reporter);
  });
  if (!done.up_to_date)
    remove_older_runs(workspace.runs(), run_folder(workspace.runs(), done.key), options.keep_runs, reporter);
  return done;
}

fs::path finished_train_run(Database& db, const fs::path& runs) {
  const auto last = last_stage_run(db, kStage);
  if (!last || last->state != "done")
    throw Error(Kind::User, "no model has been trained in this workspace yet",
                "run `faqsmith train`, or `faqsmith build` for all stages");
  return run_folder(runs, last->key);
}

}  // namespace faqsmith
