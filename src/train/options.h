// Every setting of a training run, with the defaults that design.md measured on a small model. Zero or Auto means
// "chosen from the model": resolve() fills those in, so that a checkpoint always records what really ran.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/lora.h"

namespace faqsmith {

enum class Method { Auto, Full, Lora, Qlora };  // Qlora: LoRA over a base whose linears are in NF4
[[nodiscard]] inline bool trains_adapter(Method method) {
  return method == Method::Lora || method == Method::Qlora;
}
// Where the products find the frozen weights (FrozenBase): by the memory that is free, or as told. Changes no bit of
// the result.
enum class BaseMemory { Auto, Packed, Streamed };
enum class Schedule { Cosine, Linear, Constant };
[[nodiscard]] const char* method_name(Method method);        // "auto", "full", "lora", "qlora"
[[nodiscard]] const char* method_words(Method method);       // as it is read: "full", "LoRA", "QLoRA"; resolved
[[nodiscard]] const char* schedule_name(Schedule schedule);  // "cosine", "linear", "constant"
[[nodiscard]] Method parse_method(const std::string& name);  // throws Error(User) with a suggestion
[[nodiscard]] Schedule parse_schedule(const std::string& name);
[[nodiscard]] BaseMemory parse_base_memory(const std::string& name);  // "auto", "packed", "streamed"

inline constexpr std::int64_t kFullBelowParameters = 500'000'000;  // auto: full under this, LoRA from it on
inline constexpr double kFullLearningRate = 4e-4;
inline constexpr double kLoraLearningRate = 1e-3;

struct TrainOptions {
  Method method = Method::Auto;
  LoraConfig lora;  // read when an adapter is trained
  // Patterns of modules and ranges of layers (model/lora_selection.h): resolve() makes lora.targets and lora.by_layer
  // of them. Both empty: lora says it already.
  std::vector<std::string> lora_targets = {}, lora_layers = {};
  BaseMemory base_memory = BaseMemory::Auto;
  fs::path adapter = {};            // to go on from, any form that load_adapter() reads; empty: a new adapter
  std::string adapter_sha256 = {};  // of its values; take_adapter() fills it in
  double learning_rate = 0;         // peak; 0 = by method
  Schedule schedule = Schedule::Cosine;
  double warmup_ratio = 0.05;   // of all steps
  double weight_decay = 0.01;   // decoupled; never on norms and biases
  bool decay_embedding = true;  // the embedding, and a head of its own; full fine-tuning only
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  // Weight of the loss on the question's own tokens. A little of it teaches a small model what questions look like and
  // improved the answers to unseen wordings (docs/decisions/0004). The training loss is the weighted mean; the
  // validation loss is the answers' alone.
  double question_weight = 0.3;
  double clip_norm = 1.0;  // global L2 norm of the gradient; 0 = off
  std::int64_t steps = 0;  // optimizer steps; 0 = epochs decide
  double epochs = 3;
  // The loop is to end within about so many seconds: on a machine that turns out slower it takes fewer steps, and says
  // so. 0 = no limit, and the same bytes for the same run.
  double seconds = 0;
  std::int64_t rows_per_step = 16;   // examples a step
  std::int64_t tokens_per_step = 0;  // if > 0: a step takes examples up to this many tokens instead
  std::int64_t micro_tokens = 2560;  // tokens of one forward and backward pass: sets the memory, not the result
  std::int64_t max_length = 1024;    // tokens of one example; a longer one is refused, never cut
  std::int64_t validate_every = 25;  // steps
  int patience = 4;                  // validations without an improvement before the run stops; 0 = never
  double min_improvement = 1e-4;     // of the validation loss a token
  std::int64_t save_every = 100;     // steps between resumable checkpoints
  int max_bad_steps = 5;             // non-finite or spiking steps in a row before a rollback
  double spike_factor = 10;          // a loss above this times the running mean is a spike
  std::uint64_t seed = 1;
};

// Fills in Auto and zeros for this model and this data; throws Error(User) that names a setting out of its range.
[[nodiscard]] TrainOptions resolve(TrainOptions options, const LlamaConfig& model, std::int64_t n_examples,
                                   std::int64_t n_tokens);
// JSON of the settings that change the result: part of the fingerprint and of every checkpoint's manifest.
[[nodiscard]] std::string options_json(const TrainOptions& options);
// Learning rate of a step (0-based) of a resolved run.
[[nodiscard]] double learning_rate_at(const TrainOptions& options, std::int64_t step);

}  // namespace faqsmith
