// Writes the forms of one export and holds each against the trained model. Private to stages/export.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "stages/export/compare.h"
#include "stages/export/export.h"
#include "train/checkpoint.h"

namespace faqsmith {

inline constexpr const char* kNotesFile = "exports.json";

// A file or folder under a working name, which begins with a dot; what is left of an export that did not pass goes with
// this object.
class Unchecked {
 public:
  explicit Unchecked(const fs::path& final_path);
  ~Unchecked();
  Unchecked(const Unchecked&) = delete;
  Unchecked& operator=(const Unchecked&) = delete;
  [[nodiscard]] const fs::path& path() const { return working_; }
  [[nodiscard]] const fs::path& final_path() const { return final_; }
  void accept();

 private:
  fs::path final_, working_;
};

class Exporter {
 public:
  // Opens base model and run; throws Error(User) for another base model than the run's.
  Exporter(Workspace& workspace, const ExportOptions& options, Reporter& reporter, const Manifest& manifest,
           StageReport& report);
  ~Exporter();
  void ask_trained_model();     // what the gate compares with; before the first write()
  void write(ExportKind kind);  // and compare
  void accept_all();            // after the last: final names, exports.json, counts

 private:
  [[nodiscard]] Unchecked& new_file(const std::string& name);
  void write_adapter(ExportKind kind);
  void write_gguf(ExportKind kind);
  void write_modelfile(const std::string& gguf_name);
  void write_hf();
  void pass_gate(ExportKind kind, const Unchecked& out, std::uint64_t bytes);
  void note_types(ExportKind kind);

  Workspace& workspace_;
  const ExportOptions& options_;
  Reporter& reporter_;
  const Manifest& manifest_;
  StageReport& report_;
  ModelFile base_;  // with what was trained
  std::unique_ptr<WeightsSource> trained_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> chat_;
  TrainedAnswers answers_;
  struct Notes;  // file name -> what was measured
  std::unique_ptr<Notes> notes_;
  std::vector<std::unique_ptr<Unchecked>> files_;
};

}  // namespace faqsmith
