// Llama's layers, written once for float and bf16.
#include "infer/forward.h"

#include <algorithm>
#include <array>

#include "infer/alike_rows.h"
#include "model/rope_scaling.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"

namespace faqsmith {
namespace {

constexpr std::size_t kArenaSlab = std::size_t{32} << 20;  // bytes
constexpr std::int64_t kSlabPages = 32;                    // pages that one allocation holds

struct InferLayer {
  Buffer<float> attention_norm, mlp_norm;  // [hidden]
  InferLinear qkv;                         // hidden -> q | k | v
  InferLinear o;                           // q -> hidden
  InferLinear gate_up;                     // hidden -> gate | up
  InferLinear down;                        // ffn -> hidden
  [[nodiscard]] std::size_t bytes() const { return qkv.bytes() + o.bytes() + gate_up.bytes() + down.bytes(); }
};

// Takes the parts out of the layer: they are not needed twice.
InferLinear take(Compute compute, WeightForm form, const std::shared_ptr<Arena>& arena, LayerWeights& layer,
                 std::span<const Linear> parts) {
  std::vector<const WeightMatrix*> matrices;
  for (Linear l : parts) matrices.push_back(&layer.at(l));
  InferLinear taken(compute, form, arena, matrices, fused_bias(layer, parts));
  for (Linear l : parts) {
    layer.at(l).release_pages();
    layer.at(l) = WeightMatrix();
    layer.bias_of(l) = Buffer<float>();
  }
  return taken;
}

template <class T>
class Forward final : public ForwardPass {
 public:
  Forward(const Cpu& cpu, Weights weights, const ForwardLimits& limits, WeightForm form)
      : cpu_(cpu),
        config_(weights.config),
        limits_(limits),
        heads_{config_.n_heads, config_.n_kv_heads, config_.head_dim} {
    if (limits_.max_positions == 0) limits_.max_positions = config_.max_positions;
    // A window that no sequence can outgrow is none: the fastest kernels know nothing of windows.
    if (config_.sliding_window < limits_.max_positions) heads_.window = config_.sliding_window;
    rope_ = make_rope_table(config_, limits_.max_positions);
    const auto arena = std::make_shared<Arena>(kArenaSlab);
    for (LayerWeights& layer : weights.layers) {
      InferLayer taken;
      taken.attention_norm = std::move(layer.attention_norm);
      taken.mlp_norm = std::move(layer.mlp_norm);
      taken.qkv = take(cpu_.compute, form, arena, layer, std::array{Linear::Q, Linear::K, Linear::V});
      taken.o = take(cpu_.compute, form, arena, layer, std::array{Linear::O});
      taken.gate_up = take(cpu_.compute, form, arena, layer, std::array{Linear::Gate, Linear::Up});
      taken.down = take(cpu_.compute, form, arena, layer, std::array{Linear::Down});
      layers_.push_back(std::move(taken));
    }
    head_ = InferLinear(cpu_.compute, form, arena, std::array<const WeightMatrix*, 1>{&weights.head()});
    weights.head().release_pages();
    final_norm_ = std::move(weights.final_norm);
    embedding_ = std::move(weights.embedding);
    if (limits_.determinism == Determinism::AnyBatch) tiles_ = choose_tiles();
    allocate_buffers();
  }

  void run(const StepBatch& batch) override;
  Out<float> logits(std::int64_t first, std::int64_t n) override;
  void copy_page(PageId from, PageId to) override { std::copy_n(page(from), page_size(), page(to)); }

  const LlamaConfig& config() const override { return config_; }
  const ForwardLimits& limits() const override { return limits_; }
  void measure(StepTimes* times) override { times_ = times; }
  std::size_t weight_bytes() const override {
    std::size_t bytes = head_.bytes() + static_cast<std::size_t>(embedding_.resident_bytes());
    for (const InferLayer& layer : layers_) bytes += layer.bytes();
    return bytes;
  }

 private:
  // By trial of each kind of product; layers have one shape.
  RowTiles choose_tiles() {
    std::vector<const InferLinear*> kinds = {&head_};
    for (auto linear : {&InferLayer::qkv, &InferLayer::o, &InferLayer::gate_up, &InferLayer::down}) {
      const auto packed = std::find_if(layers_.begin(), layers_.end(),
                                       [&](const InferLayer& layer) { return !(layer.*linear).packed().empty(); });
      if (packed != layers_.end()) kinds.push_back(&((*packed).*linear));
    }
    return row_tiles_for(cpu_, kinds);
  }
  void allocate_buffers() {
    const auto whole_tiles = [&](std::int64_t rows) {
      return tiles_.padded ? (rows + tiles_.rows - 1) / tiles_.rows * tiles_.rows : rows;
    };
    const std::int64_t m = whole_tiles(limits_.max_rows), m_logits = whole_tiles(limits_.max_logit_rows);
    residual_ = Buffer<float>({m, config_.hidden_size});
    hidden_ = Buffer<T>({m, config_.hidden_size});
    delta_ = Buffer<T>({m, config_.hidden_size});
    qkv_ = Buffer<T>({m, heads_.qkv_width()});
    attention_ = Buffer<T>({m, heads_.q_width()});
    gate_up_ = Buffer<T>({m, 2 * config_.intermediate_size});
    mlp_ = Buffer<T>({m, config_.intermediate_size});
    gathered_ = Buffer<T>({m_logits, config_.hidden_size});
    logits_ = Buffer<float>({m_logits, config_.vocab_size});
    slabs_.resize(static_cast<std::size_t>((limits_.n_pages + kSlabPages - 1) / kSlabPages));
  }

  // A page: [layer][keys, values][page_rows, kv_width].
  [[nodiscard]] std::int64_t block_size() const { return limits_.page_rows * heads_.kv_width(); }
  [[nodiscard]] std::int64_t page_size() const { return config_.n_layers * 2 * block_size(); }
  T* page(PageId id) {
    auto& slab = slabs_[static_cast<std::size_t>(id / kSlabPages)];
    if (slab.empty()) slab = Buffer<T>({kSlabPages, page_size()});
    return slab.data() + id % kSlabPages * page_size();
  }
  // The addresses of every sequence's pages, of layer 0; layer l is l * 2 * block_size() further on.
  void locate_pages(const StepBatch& batch);
  [[nodiscard]] std::span<const KvPages<T>> pages_of_layer(std::int64_t layer);
  void linear(const InferLinear& w, In<T> x, Out<T> y);
  void embed(std::span<const std::int32_t> ids);
  [[nodiscard]] Timed timed(double StepTimes::*field) const { return {times_, field}; }
  template <class Op>
  void work(double StepTimes::*kind, const Op& op) {
    const Timed timer = timed(kind);
    launch(cpu_, op);
  }
  void attention_block(const StepBatch& batch, std::int64_t layer, std::int64_t m);
  void mlp_block(std::int64_t layer, std::int64_t m);

  Cpu cpu_;
  LlamaConfig config_;
  ForwardLimits limits_;
  Heads heads_;
  RopeTable rope_;
  std::vector<InferLayer> layers_;
  WeightMatrix embedding_;    // [vocab, hidden]; of a file, its rows are decoded as they are needed
  Buffer<float> final_norm_;  // [hidden]
  InferLinear head_;
  StepTimes* times_ = nullptr;
  std::vector<Buffer<T>> slabs_;

  Buffer<float> residual_;                                      // [max_rows, hidden]
  Buffer<T> hidden_, delta_, qkv_, attention_, gate_up_, mlp_;  // [max_rows, …]
  Buffer<T> gathered_;                                          // [max_logit_rows, hidden]
  Buffer<float> logits_;                                        // [max_logit_rows, vocab]
  std::vector<std::int32_t> logit_rows_;
  std::vector<AttentionPath> paths_;  // of the last run's rows
  std::vector<RowRun> runs_;          // its rows by the kernel that multiplies blocks with them
  std::int64_t n_rows_ = 0;
  RowTiles tiles_;                 // of products with packed weights
  std::vector<T*> base_;           // pages of all sequences, layer 0
  std::vector<T*> keys_, values_;  // the same for one layer
  std::vector<KvPages<T>> sequences_;
};

template <class T>
void Forward<T>::locate_pages(const StepBatch& batch) {
  base_.clear();
  for (const auto& pages : batch.pages) {
    for (PageId id : pages) base_.push_back(page(id));
  }
  keys_.resize(base_.size());
  values_.resize(base_.size());
  sequences_.clear();
  std::size_t at = 0;
  for (const auto& pages : batch.pages) {
    sequences_.push_back({.keys = {keys_.data() + at, pages.size()}, .values = {values_.data() + at, pages.size()}});
    at += pages.size();
  }
}

template <class T>
std::span<const KvPages<T>> Forward<T>::pages_of_layer(std::int64_t layer) {
  for (std::size_t i = 0; i < base_.size(); ++i) {
    keys_[i] = base_[i] + layer * 2 * block_size();
    values_[i] = keys_[i] + block_size();
  }
  return sequences_;
}

template <class T>
void Forward<T>::linear(const InferLinear& w, In<T> x, Out<T> y) {
  const Timed timer = timed(&StepTimes::products);
  multiply_alike<T, T>(cpu_, w, x, y, tiles_, runs_);
}

template <class T>
void Forward<T>::embed(std::span<const std::int32_t> ids) {
  const auto m = static_cast<std::int64_t>(ids.size());
  work(&StepTimes::pointwise,
       Embedding{.table = &embedding_, .ids = {ids.data(), {m}}, .y = first_rows(residual_.out(), m)});
}

template <class T>
void Forward<T>::attention_block(const StepBatch& batch, std::int64_t layer, std::int64_t m) {
  const InferLayer& w = layers_[static_cast<std::size_t>(layer)];
  const auto rows = [m](auto& buffer) { return first_rows(buffer.out(), m); };
  // The first layer has nothing to add yet.
  work(&StepTimes::pointwise, RmsNorm<T>{.residual = rows(residual_),
                                         .delta = layer == 0 ? In<T>{} : In<T>(rows(delta_)),
                                         .residual_out = rows(residual_),
                                         .gamma = w.attention_norm.in(),
                                         .y = rows(hidden_),
                                         .inv_rms = {},
                                         .eps = config_.rms_norm_eps});
  linear(w.qkv, rows(hidden_), rows(qkv_));
  work(&StepTimes::pointwise, Rope<T>{.qkv = {qkv_.data(), {m, heads_.qkv_width()}},
                                      .positions = {batch.positions.data(), {m}},
                                      .table = &rope_,
                                      .n_heads = heads_.n_heads,
                                      .n_kv_heads = heads_.n_kv_heads});
  const auto pages = pages_of_layer(layer);
  work(&StepTimes::attention,
       KvAppend<T>{
           .qkv = rows(qkv_), .heads = heads_, .rows = batch.rows, .sequences = pages, .page_rows = limits_.page_rows});
  work(&StepTimes::attention, CachedAttention<T>{.qkv = rows(qkv_),
                                                 .heads = heads_,
                                                 .rows = batch.rows,
                                                 .sequences = pages,
                                                 .page_rows = limits_.page_rows,
                                                 .out = rows(attention_)});
  linear(w.o, rows(attention_), rows(delta_));
}

template <class T>
void Forward<T>::mlp_block(std::int64_t layer, std::int64_t m) {
  const InferLayer& w = layers_[static_cast<std::size_t>(layer)];
  const auto rows = [m](auto& buffer) { return first_rows(buffer.out(), m); };
  work(&StepTimes::pointwise, RmsNorm<T>{.residual = rows(residual_),
                                         .delta = rows(delta_),
                                         .residual_out = rows(residual_),
                                         .gamma = w.mlp_norm.in(),
                                         .y = rows(hidden_),
                                         .inv_rms = {},
                                         .eps = config_.rms_norm_eps});
  linear(w.gate_up, rows(hidden_), rows(gate_up_));
  work(&StepTimes::pointwise, Swiglu<T>{.gate_up = rows(gate_up_), .y = rows(mlp_)});
  linear(w.down, rows(mlp_), rows(delta_));
}

template <class T>
void Forward<T>::run(const StepBatch& batch) {
  const auto m = static_cast<std::int64_t>(batch.ids.size());
  require(m > 0 && m <= limits_.max_rows, "a step has 1 to max_rows rows");
  require(batch.positions.size() == batch.ids.size() && batch.rows.size() == batch.ids.size(), "a step's lists agree");
  locate_pages(batch);
  paths_.clear();
  for (const CacheRow& row : batch.rows) paths_.push_back(row.path);
  runs_ = runs_of(paths_, cpu_.compute);
  embed(batch.ids);
  for (std::int64_t layer = 0; layer < config_.n_layers; ++layer) {
    attention_block(batch, layer, m);
    mlp_block(layer, m);
  }
  n_rows_ = m;
  logit_rows_ = batch.logit_rows;
  if (logit_rows_.empty()) return;
  work(&StepTimes::pointwise, RmsNorm<T>{.residual = first_rows(residual_.out(), m),
                                         .delta = first_rows(delta_.out(), m),
                                         .residual_out = first_rows(residual_.out(), m),
                                         .gamma = final_norm_.in(),
                                         .y = first_rows(hidden_.out(), m),
                                         .inv_rms = {},
                                         .eps = config_.rms_norm_eps});
}

template <class T>
Out<float> Forward<T>::logits(std::int64_t first, std::int64_t n) {
  require(
      first >= 0 && n > 0 && n <= limits_.max_logit_rows && first + n <= static_cast<std::int64_t>(logit_rows_.size()),
      "logits are asked for rows that the step named");
  work(&StepTimes::pointwise, GatherRows<T>{.x = first_rows(hidden_.out(), n_rows_),
                                            .rows = {logit_rows_.data() + first, {n}},
                                            .y = first_rows(gathered_.out(), n)});
  std::vector<AttentionPath> paths;
  for (std::int64_t i = first; i < first + n; ++i)
    paths.push_back(paths_[static_cast<std::size_t>(logit_rows_[static_cast<std::size_t>(i)])]);
  const Timed timer = timed(&StepTimes::head);
  multiply_alike<T, float>(cpu_, head_, first_rows(gathered_.out(), n), first_rows(logits_.out(), n), tiles_,
                           runs_of(paths, cpu_.compute));
  return first_rows(logits_.out(), n);
}

}  // namespace

std::unique_ptr<ForwardPass> ForwardPass::create(const Cpu& cpu, Weights weights, const ForwardLimits& limits,
                                                 WeightForm form) {
  if (cpu.compute == Compute::Bf16) return std::make_unique<Forward<bf16>>(cpu, std::move(weights), limits, form);
  return std::make_unique<Forward<float>>(cpu, std::move(weights), limits, form);
}

ForwardMemory forecast_forward(const LlamaConfig& config, Compute compute, const ForwardLimits& limits,
                               WeightForm form) {
  const std::size_t element = compute == Compute::Bf16 ? 2 : 4;
  const auto bytes = [&](std::int64_t n, std::size_t size) { return static_cast<std::size_t>(n) * size; };
  const std::int64_t table = config.vocab_size * config.hidden_size;
  const std::int64_t linears = config.n_parameters() - table * (config.tied_embeddings ? 1 : 2);
  const std::int64_t width =
      2 * config.hidden_size + 2 * config.q_size() + 2 * config.kv_size() + 3 * config.intermediate_size;
  ForwardMemory memory;
  memory.weights = bytes(linears + table, form == WeightForm::Packed ? element : 2);
  memory.page = bytes(config.n_layers * 2 * limits.page_rows * config.kv_size(), element);
  memory.step_buffers = bytes(limits.max_rows * width, element) +
                        bytes(limits.max_rows * config.hidden_size, sizeof(float)) +
                        bytes(limits.max_logit_rows * config.vocab_size, sizeof(float));
  return memory;
}

}  // namespace faqsmith
