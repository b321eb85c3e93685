// The training graph for one compute type. Private to model/: train_graph.h is the way in.
#pragma once
#include "model/rope_scaling.h"
#include "model/train_graph_group.h"
#include "ops/attention.h"
#include "ops/shared_prefix.h"

namespace faqsmith {

template <class T>
class LlamaTrainGraph final : public TrainGraph {
 public:
  LlamaTrainGraph(const Cpu& cpu, Weights& weights, const GraphLimits& limits);  // full
  LlamaTrainGraph(const Cpu& cpu, const Weights& weights, LoraWeights& lora, const GraphLimits& limits,
                  FrozenBase base);  // LoRA

  double loss(const Pack& pack) override;
  double loss_and_gradients(const Pack& pack, std::uint64_t dropout_seed) override;
  std::vector<float> logits(const Pack& pack) override;
  const std::vector<TrainedTensor>& trained() const override { return trained_; }
  void zero_gradients() override;
  void weights_changed() override;
  std::uint64_t bytes() const override;
  double seconds(GraphPart part) const override { return runner_.seconds[static_cast<std::size_t>(part)]; }

 private:
  enum class Want { Loss, Gradients };
  void plan(const LoraConfig* lora);
  void list_full_tensors(Weights& weights);
  void list_lora_tensors();
  void pack_head();
  [[nodiscard]] PackMemory* shared() { return base_ == FrozenBase::Streamed ? &streamed_ : nullptr; }
  // The head with its values in place: streamed, if it has no memory of its own.
  [[nodiscard]] const PackedMatrix* ready(PackedMatrix& head);
  void check(const Pack& pack) const;
  void clear_gradients();        // writes zeros
  void clear_small_gradients();  // those that the first pass adds to, where it replaces the others
  // The first pass after zero_gradients() writes over the old values: nothing is zeroed and read again.
  [[nodiscard]] Write gradient_write() const { return stale_gradients_ ? Write::Replace : Write::Add; }
  [[nodiscard]] bool full() const { return lora_ == nullptr; }
  [[nodiscard]] TrainGroup<T>& group(std::size_t layer, LinearGroup g) {
    return groups_[layer * kGroups + static_cast<std::size_t>(g)];
  }
  [[nodiscard]] GroupScratch<T> group_scratch(std::int64_t m) {
    return {rows_of(scratch_.d_low, m), scratch_.dropped.out(), rows_of(scratch_.d_scaled, m),
            rows_of(scratch_.unscaled, m)};
  }
  // A window that no sequence can outgrow is none: the fastest kernels know nothing of windows.
  [[nodiscard]] Heads heads() const {
    return {config_.n_heads, config_.n_kv_heads, config_.head_dim,
            config_.sliding_window < limits_.max_length ? config_.sliding_window : 0};
  }
  [[nodiscard]] DropoutMask mask(std::size_t layer, LinearGroup g) const;
  [[nodiscard]] Out<T> low(std::size_t layer, LinearGroup g, std::int64_t m) {
    return rows_of(tape_[layer].low[static_cast<int>(g)], m);
  }

  // train_graph_forward.cc; m = tokens of the pack
  void forward(const Pack& pack);  // up to the last residual stream
  void forward_attention(std::size_t layer, const Pack& pack);
  void forward_mlp(std::size_t layer, std::int64_t m);
  void forward_head_rows(const Pack& pack);  // labelled rows, through the final norm, into x_head
  double head(const Pack& pack, Want want);  // loss; with gradients also d_x_head and the head's weights
  double head_loss(const Pack& pack, std::int64_t block_first, std::int64_t block_rows, Want want);
  [[nodiscard]] Out<T> head_gradient(std::int64_t first, std::int64_t rows);  // rows of the block's d_logits
  void forward_linear(std::size_t layer, LinearGroup g, In<T> x, Out<T> y);
  // train_graph_attention.cc
  void attend(LayerTape<T>& tape, const Pack& pack);           // qkv -> attended and lse
  void attend_gradient(LayerTape<T>& tape, const Pack& pack);  // d_attended -> d_qkv
  template <class U>
  Out<U> unroll(In<U> x, Buffer<U>& whole, const Pack& pack, SharedRows shared = SharedRows::Every);
  // train_graph_backward.cc
  void backward(const Pack& pack);
  void backward_head_rows(const Pack& pack);
  void backward_mlp(std::size_t layer, std::int64_t m);
  void backward_attention(std::size_t layer, const Pack& pack);
  void backward_inputs(std::size_t layer, LinearGroup g, In<T> dy, Out<T> dx);  // first; dx empty: nobody needs it
  void backward_weights(std::size_t layer, LinearGroup g, In<T> dy, In<T> x);

  GraphRunner runner_;
  const Weights& weights_;
  LoraWeights* lora_ = nullptr;
  FrozenBase base_ = FrozenBase::Packed;
  PackMemory streamed_;
  LlamaConfig config_;
  GraphLimits limits_;
  RopeTable rope_;
  PackedMatrix head_, head_transposed_;
  std::vector<TrainGroup<T>> groups_;  // [n_layers * kGroups]
  std::vector<LayerTape<T>> tape_;
  Scratch<T> scratch_;
  FullGradients full_gradients_;
  std::vector<LoraGroupGradients> lora_gradients_;  // [n_layers * kGroups]
  std::vector<TrainedTensor> trained_;
  std::uint64_t planned_bytes_ = 0;
  bool stale_gradients_ = false;            // zero_gradients() was called and no pass has written since
  std::vector<std::int32_t> whole_starts_;  // of the sequences of the pass under way, shared tokens in each
  float dropout_ = 0;                       // of the pass under way
  std::uint64_t dropout_seed_ = 0;
};

// In views of a pack's arrays.
[[nodiscard]] inline In<std::int32_t> view_of(const std::vector<std::int32_t>& values) {
  return {values.data(), {static_cast<std::int64_t>(values.size())}};
}

}  // namespace faqsmith
