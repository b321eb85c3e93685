// The way into the loop, and its forecast.
#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/strings.h"
#include "ops/matmul.h"
#include "sys/parallel.h"
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

std::uint64_t float_bytes(const Shape& shape) {
  return allocated_bytes(sizeof(float) * static_cast<std::size_t>(shape.size()));
}

// Sums f over the shapes of the model's tensors.
template <class F>
std::uint64_t sum_over_tensors(const LlamaConfig& model, const F& bytes_of) {
  std::uint64_t layer = 2 * bytes_of(Shape{model.hidden_size});
  for (int l = 0; l < kLinearsPerLayer; ++l) {
    const auto linear = static_cast<Linear>(l);
    const Shape shape = linear_shape(model, linear);
    layer += bytes_of(shape) + (has_bias(model, linear) ? bytes_of(Shape{shape[0]}) : 0);
  }
  const std::uint64_t tables = (model.tied_embeddings ? 1 : 2) * bytes_of(Shape{model.vocab_size, model.hidden_size});
  return static_cast<std::uint64_t>(model.n_layers) * layer + tables + bytes_of(Shape{model.hidden_size});
}

std::uint64_t nf4_bytes(const LlamaConfig& model) {
  std::uint64_t layer = 0;
  for (int l = 0; l < kLinearsPerLayer; ++l)
    layer += Nf4Matrix::forecast_bytes(linear_shape(model, static_cast<Linear>(l)));
  return static_cast<std::uint64_t>(model.n_layers) * layer;
}

// Rows that each thread decodes before it packs them.
std::uint64_t strips_bytes(const LlamaConfig& model) {
  const std::int64_t widest = std::max({model.hidden_size, model.intermediate_size, model.q_size()});
  return sizeof(float) * static_cast<std::uint64_t>(n_threads() * kMaxStripRows * widest);
}

// Where Auto leads: packed, if that leaves a tenth of the free memory to others.
FrozenBase choose_base(BaseMemory wanted, std::uint64_t packed_bytes) {
  constexpr double kShare = 0.9;
  if (wanted == BaseMemory::Packed) return FrozenBase::Packed;
  if (wanted == BaseMemory::Streamed) return FrozenBase::Streamed;
  const auto available = static_cast<double>(memory_facts().available_bytes);
  return static_cast<double>(packed_bytes) <= kShare * available ? FrozenBase::Packed : FrozenBase::Streamed;
}

// Pages of the embedding that the data's tokens read: the system maps 64 KiB around each.
std::uint64_t looked_up_bytes(const TrainData& data) {
  constexpr std::uint64_t kAround = std::uint64_t{64} << 10;
  std::unordered_set<TokenId> ids;
  for (const auto* part : {&data.train, &data.validation}) {
    for (const Example& example : *part) ids.insert(example.ids.begin(), example.ids.end());
  }
  return kAround * ids.size();
}

void forecast_memory(const Cpu& cpu, const LlamaConfig& model, const GraphLimits& limits, const TrainOptions& o,
                     const StoredSizes& stored, std::uint64_t looked_up, TrainForecast& out) {
  // oneDNN's kernels and scratch memory, packs and the buffers of checkpoints: measured. Adapters without
  // AMX need less of oneDNN's.
  constexpr std::uint64_t kBeside = std::uint64_t{14} << 20, kBesideThin = std::uint64_t{8} << 20;
  if (!trains_adapter(o.method)) {
    out.memory_bytes = kBeside + forecast_graph_bytes(cpu, model, nullptr, limits) +
                       3 * sum_over_tensors(model, float_bytes);  // masters and two moments
    return;
  }
  const std::uint64_t adapter = 3 * sizeof(float) * static_cast<std::uint64_t>(out.trained_parameters);
  const std::uint64_t beside = (usable_isa() >= Isa::Amx ? kBeside : kBesideThin) + strips_bytes(model) + adapter +
                               (o.method == Method::Qlora ? nf4_bytes(model) : 0);
  const auto with = [&](FrozenBase base) { return beside + forecast_graph_bytes(cpu, model, &o.lora, limits, base); };
  out.base = choose_base(o.base_memory, with(FrozenBase::Packed));
  out.memory_bytes = with(out.base);
  const bool streamed = out.base == FrozenBase::Streamed;
  out.mapped_bytes = streamed && model.tied_embeddings ? stored.embedding : std::min(stored.embedding, looked_up);
  if (streamed) out.mapped_bytes += stored.head;
  if (streamed && o.method == Method::Lora) out.mapped_bytes += stored.linears;
}

}  // namespace

TrainForecast forecast_training(const Cpu& cpu, const LlamaConfig& model, const TrainData& data,
                                const TrainOptions& options, const StoredSizes& stored) {
  if (data.train.empty()) return {};
  const TrainOptions o = resolve_for(data, model, options);
  const bool adapter = trains_adapter(o.method);
  TrainForecast forecast{.method = o.method,
                         .steps = o.steps,
                         .tokens = 0,
                         .base = FrozenBase::Packed,
                         .memory_bytes = 0,
                         .mapped_bytes = 0,
                         .trained_parameters = adapter ? adapter_parameters(model, o.lora) : model.n_parameters()};
  const double mean_tokens = static_cast<double>(count_tokens(data.train)) / static_cast<double>(data.train.size());
  const double step_tokens = o.tokens_per_step > 0 ? static_cast<double>(o.tokens_per_step)
                                                   : mean_tokens * static_cast<double>(o.rows_per_step);
  forecast.tokens = step_tokens * static_cast<double>(o.steps);
  forecast_memory(cpu, model, graph_limits(data, o), o, stored, looked_up_bytes(data), forecast);
  return forecast;
}

void check_memory(const TrainForecast& forecast, const TrainOptions& options, std::uint64_t available_bytes) {
  if (forecast.memory_bytes <= available_bytes) return;
  std::string hint;
  if (!trains_adapter(forecast.method)) {
    hint = "set train.method to lora: its frozen weights need not be in memory; ";
  } else if (forecast.base == FrozenBase::Packed) {
    hint = "set train.base_memory to auto or streamed; ";
  } else if (forecast.method == Method::Qlora) {
    hint = "set train.method to lora, which streams the weights from the file; ";
  }
  throw Error(Kind::Device,
              fmt::format("training needs about {} of memory, and {} are free",
                          human_bytes(static_cast<double>(forecast.memory_bytes)),
                          human_bytes(static_cast<double>(available_bytes))),
              fmt::format("{}lower train.micro_tokens (now {}), train.max_length or lora.rank, or close other programs",
                          hint, options.micro_tokens));
}

TrainResult train(const Cpu& cpu, const BaseModel& base, Weights& weights, const TrainData& data, TokenId end_of_turn,
                  const TrainOptions& options, const fs::path& run, Reporter& reporter) {
  const TrainOptions resolved = resolve_for(data, weights.config, options);
  check_data(data, resolved.max_length, end_of_turn, static_cast<TokenId>(weights.config.vocab_size));
  const LengthReport lengths = measure_lengths(data, resolved);
  for (const std::string& line : length_lines(lengths)) reporter.note(line);
  const FrozenBase frozen = forecast_training(cpu, weights.config, data, resolved).base;
  TrainerLoop loop(cpu, base, weights, data, resolved, frozen, run, reporter);
  TrainResult result = loop.run();
  result.lengths = lengths;
  return result;
}

}  // namespace faqsmith
