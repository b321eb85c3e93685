// The train stage: pairs of the parts train and validation -> runs/train-<key>/ (checkpoints, metrics.jsonl). Every
// pair is rendered as the bot will meet it: the bot's system prompt, the question, the answer. Killed, it goes on where
// its last checkpoint stands. Writes no table but stage_runs.
#pragma once
#include <string>

#include "stages/stage.h"
#include "tensor/device.h"
#include "text/chat_template.h"
#include "train/trainer.h"

namespace faqsmith {

struct TrainStageOptions {
  TrainOptions train;
  std::string topic;    // of the bot's system prompt
  fs::path base_model;  // what load_model() takes
  // Share of the training rows whose question is replaced by a careless version (synonyms, words left out, lower case):
  // a small model then leans on no single word. Chosen by the pair's key; never a question of a test part.
  double vary_questions = 0.4;
  // Share of the reworded rows whose answer ends after opening_tokens: they teach which fact is asked for, at half the
  // cost. A fact's own question and its plain form always carry the whole answer.
  double openings = 0.75;
  int opening_tokens = 16;
  bool drop_long = false;  // pairs longer than max_length are left out and named, instead of ending the run
  int keep_runs = 2;  // run folders that stay once a new run is finished, the newest; each is several times the model
};

// What would be trained: the rows of the parts, rendered. Test parts (reworded, unseen, refusal, gold) become held_out.
[[nodiscard]] TrainData read_train_data(Database& db, const ChatTemplate& chat, const TrainStageOptions& options);
[[nodiscard]] TrainForecast forecast_train_stage(Workspace& workspace, const Cpu& cpu,
                                                 const TrainStageOptions& options);

// Counts: train_pairs, validation_pairs, trained_parameters, steps, skipped_steps, trained_tokens, best_step, best_loss
// (a token), full (1 or 0), and those of the length report (tokens, labelled_tokens, longest, openings, left_out,
// epoch_packs, pack_fill …). Throws what train() throws.
[[nodiscard]] StageReport train_stage(Workspace& workspace, const Cpu& cpu, const TrainStageOptions& options,
                                      Reporter& reporter);

// The folder of the last finished train run, for load_checkpoint_into(). Throws Error(User) if there is none.
[[nodiscard]] fs::path finished_train_run(Database& db, const fs::path& runs);

}  // namespace faqsmith
