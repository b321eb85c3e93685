// Write under a working name, read back, compare, then give the final name.
#include "stages/export/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/hash.h"
#include "base/strings.h"
#include "faq/prompts.h"
#include "llm/local_model.h"
#include "model/tokenizer_files_save.h"
#include "model/weights_hf.h"
#include "stages/export/compare.h"
#include "store/tables.h"
#include "sys/folder.h"
#include "sys/interrupt.h"
#include "train/checkpoint.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr const char* kStage = "export";
constexpr int kSemantics = 1;
constexpr const char* kNotesFile = "exports.json";
constexpr std::size_t kPromptsPerPart = 4;

// Working names begin with a dot; what is left of an export that did not pass goes with this object.
class Unchecked {
 public:
  explicit Unchecked(const fs::path& final_path)
      : final_(final_path), working_(final_path.parent_path() / (".unchecked-" + final_path.filename().string())) {
    std::error_code ignored;
    fs::remove_all(working_, ignored);  // of a run that was killed
  }
  ~Unchecked() {
    std::error_code ignored;
    fs::remove_all(working_, ignored);
  }
  Unchecked(const Unchecked&) = delete;
  Unchecked& operator=(const Unchecked&) = delete;
  [[nodiscard]] const fs::path& path() const { return working_; }
  [[nodiscard]] const fs::path& final_path() const { return final_; }
  void accept() { replace_path(working_, final_); }

 private:
  fs::path final_, working_;
};

fs::path file_of(const fs::path& folder, ExportKind kind) {
  if (kind == ExportKind::Adapter) return folder / "adapter";
  if (kind == ExportKind::Hf) return folder / "model-hf";
  return folder / fmt::format("model-{}.gguf", export_kind_name(kind));
}

// Sorted, each once, so that the key does not depend on how they were written down.
std::vector<ExportKind> kinds_to_write(const ExportOptions& options, const Manifest& manifest) {
  const bool lora = trains_adapter(manifest.method);
  std::vector<ExportKind> kinds = options.kinds;
  if (kinds.empty()) {
    kinds = {ExportKind::GgufF32, ExportKind::GgufF16};
    if (lora) kinds.push_back(ExportKind::Adapter);
  }
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  if (kinds.front() == ExportKind::Adapter && !lora) {
    throw Error(Kind::User, "this run trained the whole model, so there is no adapter to export",
                "export f32, f16 or hf, or train with --method lora");
  }
  return kinds;
}

void prepare_folder(const fs::path& folder, const std::vector<ExportKind>& kinds, const LlamaConfig& config) {
  make_folders(folder);
  // An older adapter or model is replaced as a folder: nothing else may be lost with it.
  for (const ExportKind kind : kinds) {
    const bool adapter = kind == ExportKind::Adapter;
    if (!adapter && kind != ExportKind::Hf) continue;
    const fs::path older = file_of(folder, kind);
    if (fs::exists(older) && !fs::exists(older / (adapter ? "adapter_config.json" : "config.json"))) {
      throw Error(Kind::User, fmt::format("{} exists and is no {}", older.string(), adapter ? "adapter" : "model"),
                  "name another folder");
    }
  }
  std::error_code error;
  double bytes = 0;
  for (const ExportKind kind : kinds) {
    const bool whole = kind == ExportKind::GgufF32 || kind == ExportKind::Hf;
    const double each = whole ? 4 : kind == ExportKind::GgufF16 ? 2 : 0.1;
    bytes += each * static_cast<double>(config.n_parameters());
  }
  const fs::space_info space = fs::space(folder, error);
  if (!error && static_cast<double>(space.available) < bytes) {
    throw Error(Kind::Io,
                fmt::format("the exports need {}, but {} has only {} free", human_bytes(bytes), folder.string(),
                            human_bytes(static_cast<double>(space.available))),
                "free some disk space, export fewer kinds, or name a folder on another disk");
  }
}

// Questions as users ask them: some that were trained, some that were not, or two of our own.
std::vector<std::vector<Message>> comparison_prompts(Database& db, const std::string& topic) {
  std::vector<std::vector<Message>> prompts;
  for (const char* part : {"train", "reworded", "refusal"}) {
    const std::vector<PairRow> pairs = list_pairs_in(db, part);
    // Spread over the part: its first rows are often of one document.
    const std::size_t n = std::min(kPromptsPerPart, pairs.size());
    for (std::size_t i = 0; i < n; ++i) prompts.push_back(bot_messages(topic, pairs[i * pairs.size() / n].question));
  }
  if (prompts.empty()) {
    for (const char* question : {"What is this about?", "How do I begin?"})
      prompts.push_back(bot_messages(topic, question));
  }
  return prompts;
}

LocalModel to_model(ModelFile file) {
  const Cpu exact{.compute = Compute::F32};  // bf16 would hide small differences
  return LocalModel(std::move(file.weights), std::move(file.tokenizer), file.name, exact);
}

struct Exporter {
  Workspace& workspace;
  const ExportOptions& options;
  Reporter& reporter;
  Manifest manifest;
  StageReport& report;
  json notes = json::object();  // file name -> what was measured
  std::vector<std::unique_ptr<Unchecked>> files = {};

  [[nodiscard]] Unchecked& new_file(ExportKind kind) {
    files.push_back(std::make_unique<Unchecked>(file_of(options.folder, kind)));
    return *files.back();
  }
  void write_adapter(const ModelFile& trained);
  void write_gguf(const ModelFile& trained, ExportKind kind);
  void write_hf(const ModelFile& trained);
  void write(const ModelFile& trained, ExportKind kind);
  void compare_reloaded(const ModelFile& trained, const Unchecked& out, std::uint64_t bytes, bool half);
  void compare_what_they_say(ModelFile trained, const std::vector<ExportKind>& kinds);
  void accept_all(const std::string& key);
};

void Exporter::write_adapter(const ModelFile& trained) {
  Unchecked& out = new_file(ExportKind::Adapter);
  const LoraWeights lora = load_checkpoint_lora(manifest.config, options.run, reporter);
  save_peft_adapter(out.path(), lora, manifest.config, manifest.base_name);
  const LoraWeights reloaded = load_peft_adapter(out.path(), manifest.config);
  const TensorComparison adapter = compare_adapters(lora, reloaded, out.final_path().string());
  // The base model with the reloaded adapter is the trained model again, bit for bit.
  ModelFile base = load_model(options.base_model, HashFile::No);
  if (manifest.method == Method::Qlora) quantize_linears(base.weights);
  merge_lora(base.weights, reloaded);
  const TensorComparison merged = compare_tensors(trained.weights, base.weights, 0, 0, out.final_path().string());
  report.counts["tensors_compared"] += static_cast<double>(adapter.n_tensors + merged.n_tensors);
  notes["adapter"] = {
      {"tensors", adapter.n_tensors}, {"merged_tensors", merged.n_tensors}, {"largest_difference", 0.0}};
}

void Exporter::write_gguf(const ModelFile& trained, ExportKind kind) {
  Unchecked& out = new_file(kind);
  const bool half = kind == ExportKind::GgufF16;
  save_gguf(out.path(), trained.weights, trained.tokenizer, trained.name, half ? GgufFloat::F16 : GgufFloat::F32);
  compare_reloaded(trained, out, fs::file_size(out.path()), half);
}

// The tokenizer's files as they came, where the base model is such a folder; else our own, where we have words for it.
void Exporter::write_hf(const ModelFile& trained) {
  Unchecked& out = new_file(ExportKind::Hf);
  save_hf_folder(out.path(), trained.weights, trained.tokenizer, {.name = trained.name});
  const std::vector<fs::path> given = hf_tokenizer_files(options.base_model);
  for (const fs::path& file : given) write_file_atomic(out.path() / file.filename(), read_file(file));
  if (given.empty() && !save_hf_tokenizer(out.path(), trained.tokenizer)) {
    throw Error(Kind::User, "the tokenizer of this GGUF file cannot be written as a Hugging Face folder yet",
                "export f32 or f16, or train from the model's Hugging Face folder");
  }
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(out.path())) bytes += entry.file_size();
  compare_reloaded(trained, out, bytes, false);
}

void Exporter::write(const ModelFile& trained, ExportKind kind) {
  if (kind == ExportKind::Adapter) return write_adapter(trained);
  if (kind == ExportKind::Hf) return write_hf(trained);
  write_gguf(trained, kind);
}

// half: values may differ by the rounding of F16.
void Exporter::compare_reloaded(const ModelFile& trained, const Unchecked& out, std::uint64_t bytes, bool half) {
  const ModelFile reloaded = load_model(out.path(), HashFile::Yes);
  const std::string file = out.final_path().string();
  compare_tokenizers(trained.tokenizer, reloaded.tokenizer, file);
  const TensorComparison tensors = compare_tensors(trained.weights, reloaded.weights, half ? kHalfRelativeBound : 0,
                                                   half ? kHalfAbsoluteBound : 0, file);
  report.counts["tensors_compared"] += static_cast<double>(tensors.n_tensors);
  notes[out.final_path().filename().string()] = {{"sha256", reloaded.sha256},
                                                 {"bytes", bytes},
                                                 {"tensors", tensors.n_tensors},
                                                 {"largest_difference", tensors.largest_difference}};
}

void Exporter::compare_what_they_say(ModelFile trained, const std::vector<ExportKind>& kinds) {
  Answers answers;
  {
    LocalModel model = to_model(std::move(trained));
    answers = answer_prompts(model, comparison_prompts(workspace.db(), options.topic));
  }
  report.counts["prompts"] = static_cast<double>(answers.prompts.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == ExportKind::Adapter) continue;  // merged, it has the very bits of the trained model
    stop_if_interrupted();
    LocalModel model = to_model(load_model(files[i]->path(), HashFile::No));
    const AnswerComparison said = compare_answers(answers, model);
    const std::string file = files[i]->final_path().filename().string(), kind = export_kind_name(kinds[i]);
    const bool exact = kinds[i] != ExportKind::GgufF16;
    if (said.largest_score_difference > (exact ? 0 : kHalfScoreBound) ||
        (exact && said.n_same_text != said.n_prompts)) {
      throw Error(
          Kind::Internal,
          fmt::format("{} answers otherwise than the trained model: {} of {} texts are the same, log-probabilities "
                      "differ by up to {} a token",
                      file, said.n_same_text, said.n_prompts, said.largest_score_difference),
          "this is a defect of faqsmith: the file was removed; please report it with this message");
    }
    report.counts["same_text_" + kind] = said.n_same_text;
    report.counts["score_difference_" + kind] = said.largest_score_difference;
    notes[file]["prompts"] = said.n_prompts;
    notes[file]["same_text"] = said.n_same_text;
    notes[file]["largest_log_probability_difference_a_token"] = said.largest_score_difference;
  }
}

void Exporter::accept_all(const std::string& key) {
  const fs::path notes_path = options.folder / kNotesFile;
  remove_tree(notes_path);  // it would speak of files that are replaced now
  for (const auto& file : files) file->accept();
  const json all = {{"key", key},
                    {"base_model", {{"name", manifest.base_name}, {"sha256", manifest.base_sha256}}},
                    {"method", method_name(manifest.method)},
                    {"step", manifest.state.step},
                    {"files", notes}};
  write_file_atomic(notes_path, all.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  double bytes = 0;
  for (const auto& [name, note] : notes.items()) bytes += note.value("bytes", 0.0);
  report.counts["files"] = static_cast<double>(files.size());
  report.counts["bytes"] = bytes;
}

// A row says "done", but the files are gone or of another run: then the stage has to run again.
void forget_lost_exports(Workspace& workspace, const std::string& key, const fs::path& folder,
                         const std::vector<ExportKind>& kinds) {
  const auto last = last_stage_run(workspace.db(), kStage);
  if (!last || last->key != key || last->state != "done") return;
  const fs::path notes_path = folder / kNotesFile;
  const json notes = fs::exists(notes_path) ? json::parse(read_file(notes_path), nullptr, false) : json();
  bool there = notes.is_object() && notes.value("key", json()) == key;
  for (const ExportKind kind : kinds) there = there && fs::exists(file_of(folder, kind));
  if (!there) end_stage_run(workspace.db(), last->id, "failed", "{}", "its files are gone");
}

}  // namespace

const char* export_kind_name(ExportKind kind) {
  switch (kind) {
    case ExportKind::Adapter:
      return "adapter";
    case ExportKind::GgufF32:
      return "f32";
    case ExportKind::GgufF16:
      return "f16";
    case ExportKind::Hf:
      return "hf";
  }
  return "";
}

ExportKind parse_export_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const ExportKind kind : {ExportKind::Adapter, ExportKind::GgufF32, ExportKind::GgufF16, ExportKind::Hf}) {
    if (name == export_kind_name(kind)) return kind;
    names.emplace_back(export_kind_name(kind));
  }
  const std::string near = did_you_mean(name, names);
  throw Error(Kind::User, fmt::format("\"{}\" is nothing that can be exported", name),
              near.empty() ? "choose adapter, f32, f16 or hf" : fmt::format("did you mean {}?", near));
}

StageReport export_model(Workspace& workspace, const ExportOptions& options, Reporter& reporter) {
  const Manifest manifest = read_run_manifest(options.run, reporter);
  const std::vector<ExportKind> kinds = kinds_to_write(options, manifest);
  json names = json::array();
  for (const ExportKind kind : kinds) names.push_back(export_kind_name(kind));
  const json settings = {{"kinds", names}, {"folder", fs::absolute(options.folder).string()}, {"topic", options.topic}};
  const StageIdentity identity{.stage = kStage,
                               .semantics = kSemantics,
                               .options_json = settings.dump(-1, ' ', false, json::error_handler_t::replace),
                               .input_hash = sha256_hex(fmt::format("{} {} {}", manifest.fingerprint,
                                                                    manifest.base_sha256, manifest.state.step)),
                               .seed = 0};
  forget_lost_exports(workspace, identity.key(), options.folder, kinds);
  return run_stage(workspace, identity, [&](StageReport& report) {
    prepare_folder(options.folder, kinds, manifest.config);
    reporter.begin("export", static_cast<std::int64_t>(kinds.size()) + 1, "files");
    ModelFile trained = load_model(options.base_model);
    if (trained.sha256 != manifest.base_sha256) {
      throw Error(
          Kind::User,
          fmt::format("{} is not the model that was trained ({})", options.base_model.string(), manifest.base_name),
          "set model to the file that the training started from");
    }
    load_checkpoint_into(trained.weights, options.run, reporter);
    Exporter exporter{workspace, options, reporter, manifest, report};
    for (const ExportKind kind : kinds) {
      stop_if_interrupted();
      exporter.write(trained, kind);
      reporter.update(static_cast<std::int64_t>(exporter.files.size()), export_kind_name(kind));
    }
    exporter.compare_what_they_say(std::move(trained), kinds);
    exporter.accept_all(report.key);
    reporter.end(fmt::format("{} checked and written to {}", exporter.files.size(), options.folder.string()));
  });
}

}  // namespace faqsmith
