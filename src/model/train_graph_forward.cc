// The forward pass: embedding, n layers of (norm, attention, norm, MLP), labelled rows through the LM head, loss.
#include "model/train_graph_impl.h"
#include "ops/cross_entropy.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"

namespace faqsmith {

template <class T>
double LlamaTrainGraph<T>::loss(const Pack& pack) {
  dropout_ = 0;
  forward(pack);
  forward_head_rows(pack);
  return head(pack, Want::Loss);
}

template <class T>
double LlamaTrainGraph<T>::loss_and_gradients(const Pack& pack, std::uint64_t dropout_seed) {
  dropout_ = full() ? 0 : lora_->config.dropout;
  dropout_seed_ = dropout_seed;
  if (pack.n_labelled() == 0) {
    if (stale_gradients_) clear_gradients();
    return 0;
  }
  if (stale_gradients_) clear_small_gradients();
  forward(pack);
  forward_head_rows(pack);
  const double sum = head(pack, Want::Gradients);
  backward(pack);
  stale_gradients_ = false;
  return sum;
}

template <class T>
void LlamaTrainGraph<T>::forward(const Pack& pack) {
  check(pack);
  whole_starts_.clear();
  for (std::size_t s = 0; s < pack.starts.size(); ++s)
    whole_starts_.push_back(pack.starts[s] + (static_cast<std::int32_t>(s) - 1) * pack.starts[0]);
  const std::int64_t m = pack.n_tokens();
  runner_.go(
      GraphPart::Embedding,
      Embedding{.table = &weights_.embedding, .ids = view_of(pack.tokens), .y = rows_of(tape_[0].r_attention, m)});
  for (std::size_t layer = 0; layer < tape_.size(); ++layer) {
    forward_attention(layer, pack);
    forward_mlp(layer, m);
  }
}

template <class T>
void LlamaTrainGraph<T>::forward_linear(std::size_t layer, LinearGroup g, In<T> x, Out<T> y) {
  group(layer, g).forward(runner_, x, y, low(layer, g, x.shape[0]), scratch_.dropped.out(), mask(layer, g));
}

template <class T>
void LlamaTrainGraph<T>::forward_attention(std::size_t layer, const Pack& pack) {
  const std::int64_t m = pack.n_tokens();
  LayerTape<T>& tape = tape_[layer];
  const Out<float> residual = rows_of(tape.r_attention, m);
  // Layer 0 reads the embedding, which already stands in its residual stream; later layers add the MLP before them.
  const bool first = layer == 0;
  runner_.go(GraphPart::Pointwise, RmsNorm<T>{.residual = first ? residual : rows_of(tape_[layer - 1].r_mlp, m),
                                              .delta = first ? In<T>{} : rows_of(scratch_.delta, m),
                                              .residual_out = residual,
                                              .gamma = weights_.layers[layer].attention_norm.in(),
                                              .y = rows_of(tape.x_attention, m),
                                              .inv_rms = rows_of(tape.inv_attention, m),
                                              .eps = config_.rms_norm_eps});
  const Out<T> qkv = rows_of(tape.qkv, m);
  forward_linear(layer, LinearGroup::Qkv, rows_of(tape.x_attention, m), qkv);
  runner_.go(GraphPart::Pointwise, Rope<T>{.qkv = {qkv.data, qkv.shape},
                                           .positions = view_of(pack.positions),
                                           .table = &rope_,
                                           .n_heads = config_.n_heads,
                                           .n_kv_heads = config_.n_kv_heads});
  attend(tape, pack);
  forward_linear(layer, LinearGroup::O, rows_of(tape.attended, m), rows_of(scratch_.delta, m));
}

template <class T>
void LlamaTrainGraph<T>::forward_mlp(std::size_t layer, std::int64_t m) {
  LayerTape<T>& tape = tape_[layer];
  runner_.go(GraphPart::Pointwise, RmsNorm<T>{.residual = rows_of(tape.r_attention, m),
                                              .delta = rows_of(scratch_.delta, m),
                                              .residual_out = rows_of(tape.r_mlp, m),
                                              .gamma = weights_.layers[layer].mlp_norm.in(),
                                              .y = rows_of(tape.x_mlp, m),
                                              .inv_rms = rows_of(tape.inv_mlp, m),
                                              .eps = config_.rms_norm_eps});
  forward_linear(layer, LinearGroup::GateUp, rows_of(tape.x_mlp, m), rows_of(tape.gate_up, m));
  runner_.go(GraphPart::Pointwise, Swiglu<T>{.gate_up = rows_of(tape.gate_up, m), .y = rows_of(scratch_.act, m)});
  forward_linear(layer, LinearGroup::Down, rows_of(scratch_.act, m), rows_of(scratch_.delta, m));
}

template <class T>
void LlamaTrainGraph<T>::forward_head_rows(const Pack& pack) {
  const std::int64_t m = pack.n_tokens(), n = pack.n_labelled();
  if (n == 0) return;
  const Out<float> r = rows_of(scratch_.r_head, n);
  runner_.go(GraphPart::Head,
             GatherRows<float>{.x = rows_of(tape_.back().r_mlp, m), .rows = view_of(pack.rows), .y = r});
  runner_.go(
      GraphPart::Head,
      GatherRows<T>{.x = rows_of(scratch_.delta, m), .rows = view_of(pack.rows), .y = rows_of(scratch_.delta_head, n)});
  runner_.go(GraphPart::Head, RmsNorm<T>{.residual = r,
                                         .delta = rows_of(scratch_.delta_head, n),
                                         .residual_out = r,
                                         .gamma = weights_.final_norm.in(),
                                         .y = rows_of(scratch_.x_head, n),
                                         .inv_rms = rows_of(scratch_.inv_head, n),
                                         .eps = config_.rms_norm_eps});
}

template <class T>
double LlamaTrainGraph<T>::head(const Pack& pack, Want want) {
  const std::int64_t n = pack.n_labelled(), hidden = config_.hidden_size, block = scratch_.n_head_block;
  double sum = 0;
  for (std::int64_t first = 0; first < n; first += block) {
    const std::int64_t rows = std::min(block, n - first);
    sum += head_loss(pack, first, rows, want);
    if (want == Want::Loss) continue;
    const Out<T> d_logits = head_gradient(0, rows);
    runner_.go(GraphPart::HeadGrads, Matmul<T, T>{.x = d_logits,
                                                  .w = ready(head_transposed_),
                                                  .y = {scratch_.d_x_head.data() + first * hidden, {rows, hidden}}});
    if (!full()) continue;
    Buffer<float>& dw = config_.tied_embeddings ? full_gradients_.embedding : full_gradients_.lm_head;
    runner_.go(GraphPart::HeadGrads, MatmulWeightGrad<T>{.dy = d_logits,
                                                         .x = {scratch_.x_head.data() + first * hidden, {rows, hidden}},
                                                         .dw = dw.acc(),
                                                         .write = first == 0 ? gradient_write() : Write::Add});
  }
  return sum;
}

// Rows of the logits' gradient: in float32 it lies where the logits were.
template <class T>
Out<T> LlamaTrainGraph<T>::head_gradient(std::int64_t first, std::int64_t rows) {
  const std::int64_t vocab = config_.vocab_size;
  if constexpr (std::is_same_v<T, float>) {
    return {scratch_.logits.data() + first * vocab, {rows, vocab}};
  } else {
    return {scratch_.d_logits.data() + first * vocab, {rows, vocab}};
  }
}

template <class T>
double LlamaTrainGraph<T>::head_loss(const Pack& pack, std::int64_t block_first, std::int64_t block_rows, Want want) {
  const std::int64_t hidden = config_.hidden_size, chunk = scratch_.logits.shape()[0];
  const PackedMatrix* const w = ready(head_);
  double sum = 0;
  for (std::int64_t at = 0; at < block_rows; at += chunk) {
    const std::int64_t rows = std::min(chunk, block_rows - at), first = block_first + at;
    const Out<float> logits = rows_of(scratch_.logits, rows), losses = rows_of(scratch_.losses, rows);
    runner_.go(GraphPart::Head,
               Matmul<T, float>{.x = {scratch_.x_head.data() + first * hidden, {rows, hidden}}, .w = w, .y = logits});
    runner_.go(GraphPart::Head,
               CrossEntropy<T>{.logits = logits,
                               .labels = {pack.labels.data() + first, {rows}},
                               .weights = {pack.weights.data() + first, {rows}},
                               .loss = losses,
                               .d_logits = want == Want::Gradients ? head_gradient(at, rows) : Out<T>{}});
    for (std::int64_t i = 0; i < rows; ++i) sum += static_cast<double>(losses.data[i]);
  }
  return sum;
}

template <class T>
std::vector<float> LlamaTrainGraph<T>::logits(const Pack& pack) {
  dropout_ = 0;
  forward(pack);
  forward_head_rows(pack);
  const std::int64_t n = pack.n_labelled(), vocab = config_.vocab_size;
  std::vector<float> all(static_cast<std::size_t>(n * vocab));
  runner_.go(GraphPart::Head,
             Matmul<T, float>{.x = rows_of(scratch_.x_head, n), .w = ready(head_), .y = {all.data(), {n, vocab}}});
  return all;
}

template class LlamaTrainGraph<float>;
template class LlamaTrainGraph<bf16>;

}  // namespace faqsmith
