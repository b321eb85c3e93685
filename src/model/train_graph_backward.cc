// The backward pass, layer by layer from the loss down. d_residual is the gradient of the residual stream; delta holds
// its copy in the compute type, which is the gradient of whatever the block below added to the stream.
#include <cstring>

#include "model/train_graph_impl.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"

namespace faqsmith {
namespace {

// A gradient that only full fine-tuning has.
Acc<float> acc_or_none(Buffer<float>* buffer) {
  return buffer ? buffer->acc() : Acc<float>{};
}

Acc<float> as_acc(Out<float> view) {
  return {view.data, view.shape};
}

}  // namespace

template <class T>
void LlamaTrainGraph<T>::backward(const Pack& pack) {
  const std::int64_t m = pack.n_tokens();
  backward_head_rows(pack);
  for (std::size_t layer = tape_.size(); layer-- > 0;) {
    backward_mlp(layer, m);
    backward_attention(layer, pack);
  }
  if (!full()) return;
  runner_.go(GraphPart::Embedding, EmbeddingGrad{.ids = view_of(pack.tokens),
                                                 .dy = rows_of(scratch_.d_residual, m),
                                                 .d_table = full_gradients_.embedding.acc()});
}

template <class T>
void LlamaTrainGraph<T>::backward_head_rows(const Pack& pack) {
  const std::int64_t m = pack.n_tokens(), n = pack.n_labelled();
  const Out<float> d_rows = rows_of(scratch_.d_r_head, n), d_residual = rows_of(scratch_.d_residual, m);
  std::memset(d_rows.data, 0, static_cast<std::size_t>(d_rows.shape.size()) * sizeof(float));
  std::memset(d_residual.data, 0, static_cast<std::size_t>(d_residual.shape.size()) * sizeof(float));
  runner_.go(GraphPart::HeadGrads,
             RmsNormGrad<T>{.r = rows_of(scratch_.r_head, n),
                            .inv_rms = rows_of(scratch_.inv_head, n),
                            .gamma = weights_.final_norm.in(),
                            .dy = rows_of(scratch_.d_x_head, n),
                            .d_residual = as_acc(d_rows),
                            .d_delta = {},
                            .d_gamma = acc_or_none(full() ? &full_gradients_.final_norm : nullptr)});
  runner_.go(GraphPart::HeadGrads,
             ScatterAddRows<float>{.x = d_rows, .rows = view_of(pack.rows), .y = as_acc(d_residual)});
  runner_.go(GraphPart::HeadGrads, Cast<float, T>{.x = d_residual, .y = rows_of(scratch_.delta, m)});
}

template <class T>
void LlamaTrainGraph<T>::backward_inputs(std::size_t layer, LinearGroup g, In<T> dy, Out<T> dx) {
  group(layer, g).input_gradient(runner_, dy, dx, group_scratch(dy.shape[0]), mask(layer, g));
}

template <class T>
void LlamaTrainGraph<T>::backward_weights(std::size_t layer, LinearGroup g, In<T> dy, In<T> x) {
  if (full()) {
    Buffer<float>& dw = full_gradients_.layers[layer].group[static_cast<int>(g)];
    runner_.go(GraphPart::WeightGrads,
               MatmulWeightGrad<T>{.dy = dy, .x = x, .dw = dw.acc(), .write = gradient_write()});
    Buffer<float>& d_bias = full_gradients_.layers[layer].bias[static_cast<int>(g)];
    if (!d_bias.empty()) runner_.go(GraphPart::WeightGrads, BiasGrad<T>{.dy = dy, .d_bias = d_bias.acc()});
    return;
  }
  const std::int64_t m = x.shape[0];
  group(layer, g).adapter_gradients(runner_, dy, x, low(layer, g, m), group_scratch(m), mask(layer, g),
                                    gradient_write());
}

template <class T>
void LlamaTrainGraph<T>::backward_mlp(std::size_t layer, std::int64_t m) {
  LayerTape<T>& tape = tape_[layer];
  const Out<T> act = rows_of(scratch_.act, m), d_act = rows_of(scratch_.d_act, m), gate_up = rows_of(tape.gate_up, m);
  const Out<T> delta = rows_of(scratch_.delta, m), d_x = rows_of(scratch_.d_x, m);
  backward_inputs(layer, LinearGroup::Down, delta, d_act);
  // SwiGLU's result was not kept: its gradient computes it again, and writes over its own inputs.
  runner_.go(GraphPart::Pointwise, SwigluGrad<T>{.gate_up = gate_up, .dy = d_act, .d_gate_up = gate_up, .y = act});
  backward_weights(layer, LinearGroup::Down, delta, act);
  backward_inputs(layer, LinearGroup::GateUp, gate_up, d_x);
  backward_weights(layer, LinearGroup::GateUp, gate_up, rows_of(tape.x_mlp, m));
  runner_.go(GraphPart::Pointwise,
             RmsNormGrad<T>{.r = rows_of(tape.r_mlp, m),
                            .inv_rms = rows_of(tape.inv_mlp, m),
                            .gamma = weights_.layers[layer].mlp_norm.in(),
                            .dy = d_x,
                            .d_residual = as_acc(rows_of(scratch_.d_residual, m)),
                            .d_delta = delta,
                            .d_gamma = acc_or_none(full() ? &full_gradients_.layers[layer].mlp_norm : nullptr)});
}

template <class T>
void LlamaTrainGraph<T>::backward_attention(std::size_t layer, const Pack& pack) {
  const std::int64_t m = pack.n_tokens();
  LayerTape<T>& tape = tape_[layer];
  const Out<T> delta = rows_of(scratch_.delta, m), d_attended = rows_of(scratch_.d_attended, m),
               d_qkv = rows_of(scratch_.d_qkv, m);
  backward_inputs(layer, LinearGroup::O, delta, d_attended);
  backward_weights(layer, LinearGroup::O, delta, rows_of(tape.attended, m));
  attend_gradient(tape, pack);
  runner_.go(GraphPart::Pointwise, Rope<T>{.qkv = {d_qkv.data, d_qkv.shape},
                                           .positions = view_of(pack.positions),
                                           .table = &rope_,
                                           .n_heads = config_.n_heads,
                                           .n_kv_heads = config_.n_kv_heads,
                                           .rotation = Rotation::Inverse});
  const bool last = layer == 0 && !full();  // below it lies only the frozen embedding
  backward_inputs(layer, LinearGroup::Qkv, d_qkv, last ? Out<T>{} : rows_of(scratch_.d_x, m));
  backward_weights(layer, LinearGroup::Qkv, d_qkv, rows_of(tape.x_attention, m));
  if (last) return;
  runner_.go(GraphPart::Pointwise,
             RmsNormGrad<T>{.r = rows_of(tape.r_attention, m),
                            .inv_rms = rows_of(tape.inv_attention, m),
                            .gamma = weights_.layers[layer].attention_norm.in(),
                            .dy = rows_of(scratch_.d_x, m),
                            .d_residual = as_acc(rows_of(scratch_.d_residual, m)),
                            .d_delta = delta,
                            .d_gamma = acc_or_none(full() ? &full_gradients_.layers[layer].attention_norm : nullptr)});
}

template class LlamaTrainGraph<float>;
template class LlamaTrainGraph<bf16>;

}  // namespace faqsmith
