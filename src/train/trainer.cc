// The way into the loop, and its forecast.
#include "train/trainer.h"

#include "train/trainer_loop.h"

namespace faqsmith {
namespace {

TrainOptions resolve_for(const TrainData& data, const LlamaConfig& model, const TrainOptions& options) {
  return resolve(options, model, static_cast<std::int64_t>(data.train.size()), count_tokens(data.train));
}

std::int64_t adapter_parameters(const LlamaConfig& model, const LoraConfig& lora) {
  std::int64_t n = 0;
  for (std::int64_t layer = 0; layer < model.n_layers; ++layer) {
    for (const Linear target : lora.targets) {
      const Shape shape = linear_shape(model, target);
      if (lora.has(layer, target)) n += lora.rank * (shape[0] + shape[1]) + (lora.dora ? shape[0] : 0);
    }
  }
  return n;
}

}  // namespace

TrainForecast forecast_training(const Cpu& cpu, const LlamaConfig& model, const TrainData& data,
                                const TrainOptions& options) {
  if (data.train.empty()) return {};
  const TrainOptions o = resolve_for(data, model, options);
  const bool lora = o.method == Method::Lora;
  TrainForecast forecast{.method = o.method,
                         .steps = o.steps,
                         .tokens = 0,
                         .memory_bytes = 0,
                         .trained_parameters = lora ? adapter_parameters(model, o.lora) : model.n_parameters()};
  const double mean_tokens = static_cast<double>(count_tokens(data.train)) / static_cast<double>(data.train.size());
  const double step_tokens = o.tokens_per_step > 0 ? static_cast<double>(o.tokens_per_step)
                                                   : mean_tokens * static_cast<double>(o.rows_per_step);
  forecast.tokens = step_tokens * static_cast<double>(o.steps);
  forecast.memory_bytes =
      forecast_graph_bytes(cpu, model, lora ? &o.lora : nullptr, graph_limits(data, o)) +
      Optimizer::forecast_bytes(static_cast<std::uint64_t>(forecast.trained_parameters)) +
      sizeof(float) * static_cast<std::uint64_t>(model.n_parameters() + (lora ? forecast.trained_parameters : 0));
  return forecast;
}

TrainResult train(const Cpu& cpu, const BaseModel& base, Weights& weights, const TrainData& data, TokenId end_of_turn,
                  const TrainOptions& options, const fs::path& run, Reporter& reporter) {
  const TrainOptions resolved = resolve_for(data, weights.config, options);
  check_data(data, resolved.max_length, end_of_turn, static_cast<TokenId>(weights.config.vocab_size));
  const LengthReport lengths = measure_lengths(data, resolved);
  for (const std::string& line : length_lines(lengths)) reporter.note(line);
  TrainerLoop loop(cpu, base, weights, data, resolved, run, reporter);
  TrainResult result = loop.run();
  result.lengths = lengths;
  return result;
}

}  // namespace faqsmith
