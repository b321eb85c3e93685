// Checkpoints on disk. A checkpoint is a folder: weights.safetensors (trained tensors, float32), optimizer.safetensors
// (m, v; not in best), manifest.json (what it is, a SHA-256 of every file, and the run's state). Promise: a folder
// appears whole or not at all (written aside, synced, renamed); a damaged one is noticed, named, and the next good one
// is taken.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "model/train_graph.h"
#include "train/data_order.h"
#include "train/optimizer.h"

namespace faqsmith {

// Everything that a run needs to go on, beside the tensors.
struct TrainState {
  std::int64_t step = 0;  // steps done, skipped ones included
  std::int64_t updates = 0;
  DataOrder::Position position;
  Rng::State rng{};                  // of the run's own generator
  double learning_rate_factor = 1;   // halved by every rollback
  double mean_loss = 0;              // running mean, for spikes; 0 = none yet
  int bad_steps = 0, rollbacks = 0;  // in a row; in all
  std::int64_t skipped_steps = 0, trained_tokens = 0;
  double best_loss = 0;         // validation, a token
  std::int64_t best_step = -1;  // -1: no validation yet
  int validations_since_best = 0;
  std::int64_t planned_steps = 0;  // fewer than the options', where time ran short; 0 = theirs
  bool finished = false;
};

struct Manifest {
  std::string fingerprint;  // hash of settings, data and base model: a run only resumes its own checkpoints
  std::string base_name, base_sha256;
  std::string options;  // JSON, as options_json gives it
  Method method = Method::Full;
  LoraConfig lora;
  LlamaConfig config;
  TrainState state;
};

enum class CheckpointKind { Last, Best };

// Writes <run>/last-<step> or <run>/best-<step>. Older ones of the kind go once the new one stands: all of Best, all
// but the previous of Last.
void write_checkpoint(const fs::path& run, CheckpointKind kind, const Manifest& manifest,
                      const std::vector<TrainedTensor>& tensors, const std::vector<Moments>* moments);

// Removes what a killed run left in its folder: checkpoints that are half written or that a newer one replaced.
void tidy_checkpoints(const fs::path& run, bool finished);

// Folders of one kind, newest first.
[[nodiscard]] std::vector<fs::path> list_checkpoints(const fs::path& run, CheckpointKind kind);

// Reads the manifest and compares every file's hash; throws Error(Input) that names what is damaged or missing.
[[nodiscard]] Manifest verify_checkpoint(const fs::path& checkpoint);
// The newest of these that verifies; each that does not is told to warn.
struct FoundCheckpoint {
  fs::path folder;
  Manifest manifest;
};
[[nodiscard]] std::optional<FoundCheckpoint> first_good(const std::vector<fs::path>& folders, Reporter& reporter);

// Copies the tensors' values, and m and v if asked for, out of a verified checkpoint.
void read_tensors(const fs::path& checkpoint, const std::vector<TrainedTensor>& tensors, std::vector<Moments>* moments);

// What a run trained, for inference and export. The best checkpoint, else the last. Throws Error(User) if there is
// none, Error(Input) if it belongs to a model of another shape. Applies full weights (to frozen matrices as views of
// the checkpoint), or merges the adapter, for QLoRA over what NF4 makes of the weights.
Manifest load_checkpoint_into(Weights& weights, const fs::path& run, Reporter& reporter);
// The adapter of a LoRA run; throws Error(User) for a run of full fine-tuning.
[[nodiscard]] LoraWeights load_checkpoint_lora(const LlamaConfig& config, const fs::path& run, Reporter& reporter);
[[nodiscard]] Manifest read_run_manifest(const fs::path& run,
                                         Reporter& reporter);  // of the checkpoint that would be loaded

}  // namespace faqsmith
