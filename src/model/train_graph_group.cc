// Products of one group of linears and its adapters.
#include "model/train_graph_group.h"

#include <algorithm>

#include "ops/elementwise.h"

namespace faqsmith {

template <class T>
TrainGroup<T>::TrainGroup(Compute compute, const LlamaConfig& config, const LayerWeights& weights, LinearGroup group,
                          const LoraConfig* lora, std::vector<std::optional<LoraPair>>* adapters,
                          LoraGroupGradients* gradients, PackMemory* shared)
    : weights_(&weights), streamed_(shared != nullptr), linears_(group_members(config, group)), gradients_(gradients) {
  const auto parts = weight_parts();
  bias_ = bias_parts();
  w_ =
      shared ? PackedMatrix(compute, parts, Product::Forward, *shared) : PackedMatrix(compute, parts, Product::Forward);
  w_transposed_ = shared ? PackedMatrix(compute, parts, Product::Backward, *shared)
                         : PackedMatrix(compute, parts, Product::Backward);
  if (!streamed_) {
    for (const GroupMember& member : linears_) weights.at(member.linear).release_pages();
  }
  if (!lora) return;
  rank_ = lora->rank;
  scale_ = lora->scale();
  for (const GroupMember& member : linears_) {
    std::optional<LoraPair>& pair = (*adapters)[static_cast<std::size_t>(member.linear)];
    if (pair) members_.push_back({member, &*pair});
  }
  if (!adapted()) return;
  low_width_ = gradients->a.shape()[0];
  const Shape shape = group_shape(config, group);
  a_fused_ = Buffer<float>({low_width_, shape[1]});
  b_fused_ = Buffer<float>({shape[0], low_width_});
  fuse_adapters();
  a_ = PackedMatrix(compute, a_fused_.in(), Product::Forward);
  a_transposed_ = PackedMatrix(compute, a_fused_.in(), Product::Backward);
  b_ = PackedMatrix(compute, b_fused_.in(), Product::Forward, scale_);
  b_transposed_ = PackedMatrix(compute, b_fused_.in(), Product::Backward, scale_);
  if (!lora->dora) return;
  column_scale_ = Buffer<float>({shape[0]});
  inverse_norm_ = Buffer<float>({shape[0]});
  measure_rows();
}

// Columns without an adapter keep their length: a scale of 1, and no gradient.
template <class T>
void TrainGroup<T>::measure_rows() {
  std::fill_n(column_scale_.data(), column_scale_.size(), 1.0f);
  for (const Member& member : members_) {
    const Buffer<float> norms = adapted_row_norms(weights_->at(member.place.linear), *member.pair, scale_);
    for (std::int64_t i = 0; i < norms.size(); ++i) {
      const float inverse = norms[i] > 0 ? 1.0f / norms[i] : 0.0f;
      inverse_norm_[member.place.column + i] = inverse;
      column_scale_[member.place.column + i] = member.pair->magnitude[i] * inverse;
    }
  }
}

template <class T>
std::vector<const RowSource*> TrainGroup<T>::weight_parts() const {
  std::vector<const RowSource*> parts;
  for (const GroupMember& member : linears_) parts.push_back(&weights_->at(member.linear));
  return parts;
}

template <class T>
const PackedMatrix* TrainGroup<T>::ready(GraphRunner& runner, PackedMatrix& w) const {
  if (streamed_) runner.time(GraphPart::Streaming, [&] { w.repack(weight_parts()); });
  return &w;
}

template <class T>
Buffer<float> TrainGroup<T>::bias_parts() const {
  std::vector<Linear> parts;
  for (const GroupMember& member : linears_) parts.push_back(member.linear);
  return fused_bias(*weights_, parts);
}

template <class T>
void TrainGroup<T>::fuse_adapters() {
  for (std::size_t j = 0; j < members_.size(); ++j) {
    const LoraPair& pair = *members_[j].pair;
    const std::int64_t column = static_cast<std::int64_t>(j) * rank_;
    std::copy_n(pair.a.data(), pair.a.size(), a_fused_.data() + column * a_fused_.shape()[1]);
    for (std::int64_t o = 0; o < pair.b.shape()[0]; ++o) {
      std::copy_n(pair.b.data() + o * rank_, rank_,
                  b_fused_.data() + (members_[j].place.column + o) * low_width_ + column);
    }
  }
}

template <class T>
Out<T> TrainGroup<T>::low_columns(Out<T> low) const {
  low.shape.dims[1] = low_width_;
  return low;
}

template <class T>
Out<T> TrainGroup<T>::output_columns(Out<T> scratch) const {
  scratch.shape.dims[1] = column_scale_.size();
  return scratch;
}

template <class T>
void TrainGroup<T>::repack_weights() {
  const auto parts = weight_parts();
  w_.repack(parts);
  w_transposed_.repack(parts);
  bias_ = bias_parts();
}

template <class T>
void TrainGroup<T>::repack_adapters() {
  if (!adapted()) return;
  fuse_adapters();
  a_.repack(a_fused_.in());
  a_transposed_.repack(a_fused_.in());
  b_.repack(b_fused_.in(), scale_);
  b_transposed_.repack(b_fused_.in(), scale_);
  if (dora()) measure_rows();
}

template <class T>
std::uint64_t TrainGroup<T>::bytes() const {
  std::uint64_t total = w_.bytes() + w_transposed_.bytes();
  if (!adapted()) return total;
  total += a_.bytes() + a_transposed_.bytes() + b_.bytes() + b_transposed_.bytes();
  return total + allocated_bytes(sizeof(float) * static_cast<std::size_t>(a_fused_.size())) +
         allocated_bytes(sizeof(float) * static_cast<std::size_t>(b_fused_.size()));
}

template <class T>
void TrainGroup<T>::forward(GraphRunner& runner, In<T> x, Out<T> y, Out<T> low, Out<T> dropped, DropoutMask mask) {
  runner.go(GraphPart::Linears, Matmul<T, T>{.x = x, .w = ready(runner, w_), .y = y});
  const auto finish = [&] {
    if (dora()) runner.go(GraphPart::LoraProducts, ScaleColumns<T>{.factors = column_scale_.in(), .x = y, .y = y});
    if (!bias_.empty()) runner.go(GraphPart::Linears, AddBias<T>{.bias = bias_.in(), .y = {y.data, y.shape}});
  };
  if (!adapted()) return finish();
  In<T> input = x;
  if (mask.p > 0) {
    dropped = {dropped.data, x.shape};
    runner.go(GraphPart::LoraProducts, Dropout<T>{.x = x, .y = dropped, .p = mask.p, .seed = mask.seed});
    input = dropped;
  }
  runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = input, .w = &a_, .y = low});
  runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = low, .w = &b_, .y = y, .write = Write::Add});
  finish();
}

template <class T>
void TrainGroup<T>::input_gradient(GraphRunner& runner, In<T> dy, Out<T> dx, const GroupScratch<T>& scratch,
                                   DropoutMask mask) {
  const Out<T> d_low = low_columns(scratch.d_low);
  if (dora()) {
    const Out<T> d_scaled = output_columns(scratch.d_scaled);
    runner.go(GraphPart::LoraProducts, ScaleColumns<T>{.factors = column_scale_.in(), .x = dy, .y = d_scaled});
    dy = d_scaled;
  }
  if (adapted()) runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = dy, .w = &b_transposed_, .y = d_low});
  if (dx.empty()) return;
  if (adapted() && mask.p > 0) {  // the mask applies to the adapters' part only, so that part comes first
    runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = d_low, .w = &a_transposed_, .y = dx});
    runner.go(GraphPart::LoraProducts, Dropout<T>{.x = dx, .y = dx, .p = mask.p, .seed = mask.seed});
    runner.go(GraphPart::Linears,
              Matmul<T, T>{.x = dy, .w = ready(runner, w_transposed_), .y = dx, .write = Write::Add});
    return;
  }
  runner.go(GraphPart::Linears, Matmul<T, T>{.x = dy, .w = ready(runner, w_transposed_), .y = dx});
  if (adapted())
    runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = d_low, .w = &a_transposed_, .y = dx, .write = Write::Add});
}

template <class T>
void TrainGroup<T>::adapter_gradients(GraphRunner& runner, In<T> dy, In<T> x, In<T> low, const GroupScratch<T>& scratch,
                                      DropoutMask mask, Write write) {
  if (!adapted()) return;
  if (dora()) {
    magnitude_gradient(runner, dy, x, low, output_columns(scratch.unscaled), write);
    dy = output_columns(scratch.d_scaled);
  }
  for (std::size_t j = 0; j < members_.size(); ++j) {
    runner.go(GraphPart::LoraProducts, MatmulWeightGrad<T>{.dy = dy,
                                                           .x = low,
                                                           .dw = gradients_->b[j].acc(),
                                                           .scale = scale_,
                                                           .dy_column = members_[j].place.column,
                                                           .x_column = static_cast<std::int64_t>(j) * rank_,
                                                           .write = write});
  }
  In<T> input = x;
  if (mask.p > 0) {
    const Out<T> dropped{scratch.dropped.data, x.shape};
    runner.go(GraphPart::LoraProducts, Dropout<T>{.x = x, .y = dropped, .p = mask.p, .seed = mask.seed});
    input = dropped;
  }
  runner.go(
      GraphPart::LoraProducts,
      MatmulWeightGrad<T>{.dy = low_columns(scratch.d_low), .x = input, .dw = gradients_->a.acc(), .write = write});
}

// The outputs before they were scaled are computed again: kept, they would cost as much memory as the tape.
template <class T>
void TrainGroup<T>::magnitude_gradient(GraphRunner& runner, In<T> dy, In<T> x, In<T> low, Out<T> unscaled,
                                       Write write) {
  Buffer<float>& d_magnitude = gradients_->magnitude;
  if (write == Write::Replace) d_magnitude.zero();
  runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = x, .w = ready(runner, w_), .y = unscaled});
  runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = low, .w = &b_, .y = unscaled, .write = Write::Add});
  runner.go(GraphPart::LoraProducts,
            ColumnDots<T>{.a = dy, .b = unscaled, .weights = inverse_norm_.in(), .sums = d_magnitude.acc()});
}

template class TrainGroup<float>;
template class TrainGroup<bf16>;

}  // namespace faqsmith
