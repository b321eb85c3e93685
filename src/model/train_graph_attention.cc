// Attention of a pack, forward and back. Where its sequences share their first tokens, their rows are unrolled into
// whole sequences before it and rolled up after it; a shared query's result is taken from the first sequence.
#include "model/train_graph_impl.h"

namespace faqsmith {

template <class T>
template <class U>
Out<U> LlamaTrainGraph<T>::unroll(In<U> x, Buffer<U>& whole, const Pack& pack, SharedRows shared) {
  const Out<U> y = rows_of(whole, pack.n_sequence_tokens());
  runner_.go(GraphPart::Attention, UnrollRows<U>{.x = x, .starts = view_of(pack.starts), .y = y, .shared = shared});
  return y;
}

template <class T>
void LlamaTrainGraph<T>::attend(LayerTape<T>& tape, const Pack& pack) {
  const std::int64_t m = pack.n_tokens(), whole = pack.n_sequence_tokens();
  const In<T> qkv = rows_of(tape.qkv, m);
  const bool share = whole > m;
  const Out<T> out = rows_of(share ? scratch_.whole_attended : tape.attended, whole);
  const Out<float> lse = rows_of(share ? scratch_.whole_lse : tape.lse, whole);
  runner_.go(GraphPart::Attention, Attention<T>{.qkv = share ? unroll(qkv, scratch_.whole_qkv, pack) : qkv,
                                                .cu_seqlens = view_of(whole_starts_),
                                                .heads = heads(),
                                                .out = out,
                                                .lse = lse});
  if (!share) return;
  const In<std::int32_t> starts = view_of(pack.starts);
  runner_.go(GraphPart::Attention,
             RollRows<T>{.x = out, .starts = starts, .y = rows_of(tape.attended, m), .shared = SharedRows::First});
  runner_.go(GraphPart::Attention,
             RollRows<float>{.x = lse, .starts = starts, .y = rows_of(tape.lse, m), .shared = SharedRows::First});
}

template <class T>
void LlamaTrainGraph<T>::attend_gradient(LayerTape<T>& tape, const Pack& pack) {
  const std::int64_t m = pack.n_tokens(), whole = pack.n_sequence_tokens();
  const bool share = whole > m;
  const In<T> qkv = rows_of(tape.qkv, m), out = rows_of(tape.attended, m), d_out = rows_of(scratch_.d_attended, m);
  const In<float> lse = rows_of(tape.lse, m);
  const Out<T> d_qkv = rows_of(share ? scratch_.whole_d_qkv : scratch_.d_qkv, whole);
  runner_.go(
      GraphPart::Attention,
      AttentionGrad<T>{.qkv = share ? unroll(qkv, scratch_.whole_qkv, pack) : qkv,
                       .cu_seqlens = view_of(whole_starts_),
                       .heads = heads(),
                       .out = share ? unroll(out, scratch_.whole_attended, pack) : out,
                       .lse = share ? unroll(lse, scratch_.whole_lse, pack) : lse,
                       .d_out = share ? unroll(d_out, scratch_.whole_d_attended, pack, SharedRows::First) : d_out,
                       .d_qkv = d_qkv});
  if (share)
    runner_.go(GraphPart::Attention,
               RollRows<T>{.x = d_qkv, .starts = view_of(pack.starts), .y = rows_of(scratch_.d_qkv, m)});
}

template class LlamaTrainGraph<float>;
template class LlamaTrainGraph<bf16>;

}  // namespace faqsmith
