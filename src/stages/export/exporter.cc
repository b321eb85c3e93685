// One function a form; all whole models go through one gate.
#include "stages/export/exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "base/json_text.h"
#include "faq/prompts.h"
#include "model/gguf_types.h"
#include "model/tokenizer_files_save.h"
#include "store/tables.h"
#include "sys/folder.h"
#include "text/ollama_template.h"

namespace faqsmith {
namespace {

using nlohmann::json;

// Questions as users ask them, with the answers that were trained where there are any.
struct Questions {
  std::vector<std::vector<Message>> prompts;
  std::vector<std::string> answers;
};

Questions comparison_questions(Database& db, const std::string& topic) {
  constexpr std::pair<const char*, std::size_t> kParts[] = {{"train", 10}, {"reworded", 2}, {"refusal", 2}};
  Questions out;
  for (const auto& [part, wanted] : kParts) {
    const std::vector<PairRow> pairs = list_pairs_in(db, part);
    // Spread over the part: its first rows are often of one document.
    const std::size_t n = std::min(wanted, pairs.size());
    for (std::size_t i = 0; i < n; ++i) {
      const PairRow& pair = pairs[i * pairs.size() / n];
      out.prompts.push_back(bot_messages(topic, pair.question));
      out.answers.push_back(pair.answer);
    }
  }
  if (out.prompts.empty()) {
    for (const char* question : {"What is this about?", "How do I begin?"}) {
      out.prompts.push_back(bot_messages(topic, question));
      out.answers.emplace_back();
    }
  }
  return out;
}

std::uint64_t folder_bytes(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
  return bytes;
}

// By its name; of several by that name the one whose preamble stands in a prompt.
const chat::ChatFormat& format_of(const ChatTemplate& chat, const std::string& prompt) {
  const auto formats = chat::chat_formats();
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const chat::ChatFormat& format) {
    return std::string_view(format.name) == chat.name() && prompt.find(format.preamble) != std::string::npos;
  });
  require(found != formats.end(), "a known template is in the table of formats");
  return *found;
}

// A BOS beside what the format itself begins with: some vocabularies have one token for both.
bool begins_with_bos(const std::string& bos, const chat::ChatFormat& format, const TrainedAnswers& answers) {
  const std::vector<chat::Piece> pieces = chat::lay_out(format, answers.prompts[0], chat::Prompt::Yes);
  const auto first = std::find_if(pieces.begin(), pieces.end(), [](const chat::Piece& p) { return !p.text.empty(); });
  return !bos.empty() && first != pieces.end() && answers.texts[0].starts_with(bos + first->text);
}

const char* name_of(GgmlType type) {
  return find_type(static_cast<std::uint32_t>(type))->name;
}

}  // namespace

Unchecked::Unchecked(const fs::path& final_path)
    : final_(final_path), working_(final_path.parent_path() / (".unchecked-" + final_path.filename().string())) {
  std::error_code ignored;
  fs::remove_all(working_, ignored);  // of a run that was killed
}

Unchecked::~Unchecked() {
  std::error_code ignored;
  fs::remove_all(working_, ignored);
}

void Unchecked::accept() {
  replace_path(working_, final_);
}

struct Exporter::Notes {
  json files = json::object();
};

Exporter::~Exporter() = default;

Exporter::Exporter(Workspace& workspace, const ExportOptions& options, Reporter& reporter, const Manifest& manifest,
                   StageReport& report)
    : workspace_(workspace),
      options_(options),
      reporter_(reporter),
      manifest_(manifest),
      report_(report),
      base_(load_model(options.base_model, HashFile::Yes, Residency::AsStored)),
      notes_(std::make_unique<Notes>()) {
  if (base_.sha256 != manifest.base_sha256) {
    throw Error(
        Kind::User,
        fmt::format("{} is not the model that was trained ({})", options.base_model.string(), manifest.base_name),
        "set model to the file that the training started from");
  }
  load_checkpoint_into(base_.weights, options.run, reporter);
  trained_ = std::make_unique<WeightsSource>(base_.weights);
  tokenizer_ = std::make_unique<Tokenizer>(base_.tokenizer);
  chat_ = std::make_unique<ChatTemplate>(*tokenizer_);
}

void Exporter::ask_trained_model() {
  Questions questions = comparison_questions(workspace_.db(), options_.topic);
  answers_ = answer_prompts(*trained_, *chat_, *tokenizer_, std::move(questions.prompts), questions.answers,
                            options_.answer_tokens, options_.folder);
  report_.counts["prompts"] = static_cast<double>(answers_.prompts.size());
}

Unchecked& Exporter::new_file(const std::string& name) {
  files_.push_back(std::make_unique<Unchecked>(options_.folder / name));
  return *files_.back();
}

void Exporter::write(ExportKind kind) {
  if (is_adapter(kind)) return write_adapter(kind);
  if (kind == ExportKind::Hf) return write_hf();
  write_gguf(kind);
}

void Exporter::write_adapter(ExportKind kind) {
  const bool gguf = kind == ExportKind::GgufLora;
  const Unchecked& out = new_file(export_file_name(kind));
  const std::string file = out.final_path().filename().string();
  const LoraWeights lora = load_checkpoint_lora(manifest_.config, options_.run, reporter_);
  if (gguf) {
    save_gguf_adapter(out.path(), lora, manifest_.config, manifest_.base_name + " adapter");
  } else {
    save_peft_adapter(out.path(), lora, manifest_.config, manifest_.base_name);
  }
  if (options_.after_write) options_.after_write(kind, out.path());
  // The same matrices on the same base are the trained model: merging is one function.
  const LoraWeights reloaded = load_adapter(out.path(), manifest_.config);
  const TensorComparison adapter = compare_adapters(
      lora, reloaded, gguf ? AdapterScale::Folded : AdapterScale::AsTrained, out.final_path().string());
  report_.counts["tensors_compared"] += static_cast<double>(adapter.n_tensors);
  notes_->files[file] = {{"tensors", adapter.n_tensors},
                         {"bytes", gguf ? fs::file_size(out.path()) : folder_bytes(out.path())},
                         {"largest_difference", 0.0}};
}

void Exporter::write_gguf(ExportKind kind) {
  const Unchecked& out = new_file(export_file_name(kind));
  save_gguf(out.path(), *trained_, base_.tokenizer, base_.name, gguf_float(kind));
  pass_gate(kind, out, fs::file_size(out.path()));
  write_modelfile(out.final_path().filename().string());
}

void Exporter::write_modelfile(const std::string& gguf_name) {
  const TokenizerSpec& spec = base_.tokenizer;
  const auto token = [&](TokenId id) { return id < 0 ? std::string() : spec.tokens[static_cast<std::size_t>(id)]; };
  const chat::ChatFormat& format = format_of(*chat_, answers_.texts[0]);
  const OllamaTokens tokens{.bos = token(spec.bos),
                            .eos = token(spec.eos),
                            .bos_by_runner = spec.add_bos,
                            .bos_in_front = begins_with_bos(token(spec.bos), format, answers_)};
  Modelfile modelfile{.from = gguf_name,
                      .template_text = ollama_template(format, tokens),
                      .system = bot_messages(options_.topic, "").front().text,
                      .stop = {token(chat_->end_of_turn())},
                      .temperature = options_.temperature};
  if (!tokens.eos.empty() && tokens.eos != modelfile.stop[0]) modelfile.stop.push_back(tokens.eos);
  const Unchecked& out = new_file(fs::path(gguf_name).stem().string() + ".Modelfile");
  write_file_atomic(out.path(), modelfile_text(modelfile));
}

// The tokenizer's files as they came, where the base model is such a folder; else our own, where we have words for it.
void Exporter::write_hf() {
  const Unchecked& out = new_file(export_file_name(ExportKind::Hf));
  save_hf_folder(out.path(), *trained_, base_.tokenizer,
                 {.type = options_.hf_type,
                  .max_shard_bytes = static_cast<std::uint64_t>(options_.hf_shard_gb * 1e9),
                  .name = base_.name});
  const std::vector<fs::path> given = hf_tokenizer_files(options_.base_model);
  for (const fs::path& file : given) write_file_atomic(out.path() / file.filename(), read_file(file));
  if (given.empty() && !save_hf_tokenizer(out.path(), base_.tokenizer)) {
    throw Error(Kind::User, "the tokenizer of this GGUF file cannot be written as a Hugging Face folder yet",
                "export f32, f16 or another GGUF form, or train from the model's Hugging Face folder");
  }
  pass_gate(ExportKind::Hf, out, folder_bytes(out.path()));
}

void Exporter::pass_gate(ExportKind kind, const Unchecked& out, std::uint64_t bytes) {
  if (options_.after_write) options_.after_write(kind, out.path());
  const ModelFile reloaded = load_model(out.path(), HashFile::Yes, Residency::AsStored);
  const std::string path = out.final_path().string(), file = out.final_path().filename().string();
  const WeightsSource source(reloaded.weights);
  compare_tokenizers(base_.tokenizer, reloaded.tokenizer, path);
  const TensorComparison tensors =
      compare_tensors(*trained_, source, tensor_types(manifest_.config, kind, options_.hf_type), path);
  const Tokenizer tokenizer(reloaded.tokenizer);
  const AnswerComparison said = compare_answers(answers_, source, ChatTemplate(tokenizer), path);
  check_answers(said, export_bounds(kind, options_.hf_type), path);

  const std::string name = export_kind_name(kind);
  report_.counts["tensors_compared"] += static_cast<double>(tensors.n_tensors);
  report_.counts["same_text_" + name] = said.n_same_text;
  report_.counts["score_difference_" + name] = said.largest_score_difference;
  report_.counts["logit_difference_" + name] = said.logit_difference;
  json& note = notes_->files[file];
  note = {{"sha256", reloaded.sha256},
          {"bytes", bytes},
          {"tensors", tensors.n_tensors},
          {"largest_difference", tensors.largest_difference},
          {"prompts", said.n_prompts},
          {"same_text", said.n_same_text},
          {"answer_tokens", said.n_tokens},
          {"same_tokens", said.n_same_tokens},
          {"largest_log_probability_difference_a_token", said.largest_score_difference},
          {"logit_difference", said.logit_difference},
          {"state_difference_after_each_layer", said.state_differences}};
  if (is_gguf_model(kind)) note_types(kind);
}

// How many tensors are in which type, and by name those whose width forbade what the kind wants.
void Exporter::note_types(ExportKind kind) {
  json& note = notes_->files[export_file_name(kind)];
  std::map<std::string, int> counts;
  json instead = json::object();
  for (const GgufTensorType& tensor : gguf_tensor_types(manifest_.config, gguf_float(kind))) {
    ++counts[name_of(tensor.type)];
    if (tensor.type != tensor.wanted)
      instead[tensor.name] = fmt::format("{} instead of {}", name_of(tensor.type), name_of(tensor.wanted));
  }
  note["types"] = counts;
  if (instead.empty()) return;
  note["fallbacks"] = instead;
  std::map<std::string, int> kinds;
  for (const auto& [name, text] : instead.items()) ++kinds[text.get<std::string>()];
  std::string said;
  for (const auto& [text, n] : kinds) said += fmt::format("{}{} in {}", said.empty() ? "" : ", ", n, text);
  reporter_.note(fmt::format("{}: {} (their rows are no multiple of the type's block; {} names them)",
                             export_file_name(kind), said, kNotesFile));
}

void Exporter::accept_all() {
  const fs::path notes_path = options_.folder / kNotesFile;
  remove_tree(notes_path);  // it would speak of files that are replaced now
  for (const auto& file : files_) file->accept();
  const json all = {{"key", report_.key},
                    {"base_model", {{"name", manifest_.base_name}, {"sha256", manifest_.base_sha256}}},
                    {"method", method_name(manifest_.method)},
                    {"step", manifest_.state.step},
                    {"files", notes_->files}};
  write_file_atomic(notes_path, json_text(all, 2) + "\n");
  double bytes = 0;
  for (const auto& [name, note] : notes_->files.items()) bytes += note.value("bytes", 0.0);
  report_.counts["files"] = static_cast<double>(notes_->files.size());
  report_.counts["bytes"] = bytes;
}

}  // namespace faqsmith
