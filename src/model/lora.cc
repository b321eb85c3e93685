// LoRA in memory: first values and merging. Files are in lora_peft.cc; the training graph holds the gradients.
#include "model/lora.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "ops/adapted_row_norms.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

Buffer<float> copy_of(const Buffer<float>& from) {
  if (from.empty()) return {};
  Buffer<float> out(from.shape());
  std::copy_n(from.data(), from.size(), out.data());
  return out;
}

// delta += b a for four rows of A at once: the sums and their order are those of one row after the other.
void add_four(const float* b, const float* a, std::int64_t columns, float* __restrict delta) {
  const float *a0 = a, *a1 = a0 + columns, *a2 = a1 + columns, *a3 = a2 + columns;
  for (std::int64_t c = 0; c < columns; ++c)
    delta[c] = (((delta[c] + b[0] * a0[c]) + b[1] * a1[c]) + b[2] * a2[c]) + b[3] * a3[c];
}

// W + scale * B A, and with DoRA each row's trained length, a row at a time.
class MergedPair final : public RowChange {
 public:
  MergedPair(const WeightMatrix& w, const LoraPair& pair, const LoraConfig& config)
      : pair_{copy_of(pair.a), copy_of(pair.b), copy_of(pair.magnitude)}, scale_(config.scale()) {
    if (config.dora) norms_ = adapted_row_norms(w, pair, scale_);
  }
  void apply(std::int64_t row, float* values) const override {
    const std::int64_t rank = pair_.a.shape()[0], columns = pair_.a.shape()[1];
    thread_local std::vector<float> delta;
    delta.assign(static_cast<std::size_t>(columns), 0.0f);
    const float* b = pair_.b.data() + row * rank;
    std::int64_t r = 0;
    for (; r + 4 <= rank; r += 4) add_four(b + r, pair_.a.data() + r * columns, columns, delta.data());
    for (; r < rank; ++r) {
      const float* a = pair_.a.data() + r * columns;
      for (std::int64_t c = 0; c < columns; ++c) delta[static_cast<std::size_t>(c)] += b[r] * a[c];
    }
    for (std::int64_t c = 0; c < columns; ++c) values[c] += scale_ * delta[static_cast<std::size_t>(c)];
    if (norms_.empty()) return;
    const float length = pair_.magnitude[row] / norms_[row];
    for (std::int64_t c = 0; c < columns; ++c) values[c] *= length;
  }

 private:
  LoraPair pair_;
  float scale_;
  Buffer<float> norms_;  // [out]; with DoRA
};

}  // namespace

LoraWeights init_lora(const LlamaConfig& model, const LoraConfig& config, Rng& rng) {
  if (config.rank < 1 || config.rank > std::min(model.hidden_size, model.intermediate_size)) {
    throw Error(Kind::User, fmt::format("LoRA rank {} is not from 1 to the model's width", config.rank),
                "set train.lora.rank to 16");
  }
  if (config.targets.empty()) {
    throw Error(Kind::User, "LoRA has no target linear", "leave train.lora.targets out to train all seven");
  }
  if (config.dora && config.dropout > 0) {
    throw Error(Kind::User, "DoRA with dropout is not supported", "set lora.dropout to 0, or lora.dora to false");
  }
  LoraWeights lora;
  lora.config = config;
  lora.layers.resize(static_cast<std::size_t>(model.n_layers));
  for (std::int64_t index = 0; index < model.n_layers; ++index) {
    auto& layer = lora.layers[static_cast<std::size_t>(index)];
    layer.resize(kLinearsPerLayer);
    for (int l = 0; l < kLinearsPerLayer; ++l) {
      const auto linear = static_cast<Linear>(l);
      if (!config.has(index, linear)) continue;
      const Shape shape = linear_shape(model, linear);
      LoraPair pair{Buffer<float>({config.rank, shape[1]}), Buffer<float>({shape[0], config.rank})};
      // Kaiming-uniform with a = sqrt(5): the bound sqrt(6 / ((1 + a^2) fan_in)) is 1 / sqrt(fan_in).
      const double bound = 1.0 / std::sqrt(static_cast<double>(shape[1]));
      for (std::int64_t i = 0; i < pair.a.size(); ++i)
        pair.a[i] = static_cast<float>((2.0 * rng.uniform() - 1.0) * bound);
      if (config.dora) {
        pair.magnitude = Buffer<float>({shape[0]});
        std::fill_n(pair.magnitude.data(), shape[0], 1.0f);
      }
      layer[static_cast<std::size_t>(l)] = std::move(pair);
    }
  }
  return lora;
}

Buffer<float> adapted_row_norms(const RowSource& weight, const LoraPair& pair, float scale) {
  Buffer<float> norms({weight.shape()[0]});
  Cpu cpu;
  launch(cpu, AdaptedRowNorms{.w = &weight, .a = pair.a.in(), .b = pair.b.in(), .scale = scale, .norms = norms.out()});
  return norms;
}

void init_magnitudes(const Weights& weights, LoraWeights& lora) {
  if (!lora.config.dora) return;
  for (std::size_t i = 0; i < lora.layers.size(); ++i) {
    for (std::size_t l = 0; l < lora.layers[i].size(); ++l) {
      std::optional<LoraPair>& pair = lora.layers[i][l];
      if (pair) pair->magnitude = adapted_row_norms(weights.layers[i].linear[l], *pair, lora.config.scale());
    }
  }
}

void merge_lora(Weights& weights, const LoraWeights& lora) {
  require(lora.layers.size() == weights.layers.size(), "an adapter has as many layers as its model");
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    for (int l = 0; l < kLinearsPerLayer; ++l) {
      const auto& pair = lora.layers[i][static_cast<std::size_t>(l)];
      if (!pair) continue;
      WeightMatrix& w = weights.layers[i].linear[l];
      require(pair->a.shape() == Shape{pair->a.shape()[0], w.shape()[1]} &&
                  pair->b.shape() == Shape{w.shape()[0], pair->a.shape()[0]},
              "adapter shapes fit the linear");
      auto merged = std::make_shared<const MergedPair>(w, *pair, lora.config);
      if (!w.is_float32()) {
        w.change_rows(std::move(merged));
        continue;
      }
      const std::int64_t columns = w.shape()[1];
      parallel_for(w.shape()[0], [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) merged->apply(row, w.data() + row * columns);
      });
    }
  }
}

}  // namespace faqsmith
