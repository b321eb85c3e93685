// Products of one group of linears and its adapters.
#include "model/train_graph_group.h"

#include "ops/elementwise.h"

namespace faqsmith {

template <class T>
TrainGroup<T>::TrainGroup(Compute compute, const LlamaConfig& config, const LayerWeights& weights, LinearGroup group,
                          const LoraConfig* lora, std::vector<std::optional<LoraPair>>* adapters,
                          LoraGroupGradients* gradients)
    : weights_(&weights), linears_(group_members(config, group)), gradients_(gradients) {
  const auto parts = weight_parts();
  w_ = PackedMatrix(compute, parts, Product::Forward);
  w_transposed_ = PackedMatrix(compute, parts, Product::Backward);
  if (!lora) return;
  rank_ = lora->rank;
  scale_ = lora->scale();
  for (const GroupMember& member : adapted_members(config, *lora, group)) {
    std::optional<LoraPair>& pair = (*adapters)[static_cast<std::size_t>(member.linear)];
    require(pair.has_value(), "every target of the adapter has its two matrices");
    members_.push_back({member, &*pair, PackedMatrix(compute, pair->b.in(), Product::Forward, scale_),
                        PackedMatrix(compute, pair->b.in(), Product::Backward, scale_)});
  }
  if (!adapted()) return;
  a_ = PackedMatrix(compute, a_parts(), Product::Forward);
  a_transposed_ = PackedMatrix(compute, a_parts(), Product::Backward);
}

template <class T>
std::vector<In<float>> TrainGroup<T>::weight_parts() const {
  std::vector<In<float>> parts;
  for (const GroupMember& member : linears_) parts.push_back(weights_->at(member.linear).in());
  return parts;
}

template <class T>
std::vector<In<float>> TrainGroup<T>::a_parts() const {
  std::vector<In<float>> parts;
  for (const Member& member : members_) parts.push_back(member.pair->a.in());
  return parts;
}

template <class T>
Out<T> TrainGroup<T>::low_columns(Out<T> low) const {
  // The scratch is as wide as the widest group needs; rows are laid out anew for this one.
  low.shape.dims[1] = static_cast<std::int64_t>(members_.size()) * rank_;
  return low;
}

template <class T>
void TrainGroup<T>::repack_weights() {
  const auto parts = weight_parts();
  w_.repack(parts);
  w_transposed_.repack(parts);
}

template <class T>
void TrainGroup<T>::repack_adapters() {
  if (!adapted()) return;
  const auto parts = a_parts();
  a_.repack(parts);
  a_transposed_.repack(parts);
  for (Member& member : members_) {
    member.b.repack(member.pair->b.in(), scale_);
    member.b_transposed.repack(member.pair->b.in(), scale_);
  }
}

template <class T>
std::uint64_t TrainGroup<T>::bytes() const {
  std::uint64_t total = w_.bytes() + w_transposed_.bytes();
  if (adapted()) total += a_.bytes() + a_transposed_.bytes();
  for (const Member& member : members_) total += member.b.bytes() + member.b_transposed.bytes();
  return total;
}

template <class T>
void TrainGroup<T>::forward(GraphRunner& runner, In<T> x, Out<T> y, Out<T> low, Out<T> dropped,
                            DropoutMask mask) const {
  runner.go(GraphPart::Linears, Matmul<T, T>{.x = x, .w = &w_, .y = y});
  if (!adapted()) return;
  In<T> input = x;
  if (mask.p > 0) {
    dropped = {dropped.data, x.shape};
    runner.go(GraphPart::LoraProducts, Dropout<T>{.x = x, .y = dropped, .p = mask.p, .seed = mask.seed});
    input = dropped;
  }
  runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = input, .w = &a_, .y = low});
  for (std::size_t j = 0; j < members_.size(); ++j) {
    runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = low,
                                                    .w = &members_[j].b,
                                                    .y = y,
                                                    .write = Write::Add,
                                                    .x_column = static_cast<std::int64_t>(j) * rank_,
                                                    .y_column = members_[j].place.column});
  }
}

template <class T>
void TrainGroup<T>::input_gradient(GraphRunner& runner, In<T> dy, Out<T> dx, Out<T> d_low, DropoutMask mask) const {
  d_low = low_columns(d_low);
  for (std::size_t j = 0; j < members_.size(); ++j) {
    runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = dy,
                                                    .w = &members_[j].b_transposed,
                                                    .y = d_low,
                                                    .x_column = members_[j].place.column,
                                                    .y_column = static_cast<std::int64_t>(j) * rank_});
  }
  if (dx.empty()) return;
  if (adapted() && mask.p > 0) {  // the mask applies to the adapters' part only, so that part comes first
    runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = d_low, .w = &a_transposed_, .y = dx});
    runner.go(GraphPart::LoraProducts, Dropout<T>{.x = dx, .y = dx, .p = mask.p, .seed = mask.seed});
    runner.go(GraphPart::Linears, Matmul<T, T>{.x = dy, .w = &w_transposed_, .y = dx, .write = Write::Add});
    return;
  }
  runner.go(GraphPart::Linears, Matmul<T, T>{.x = dy, .w = &w_transposed_, .y = dx});
  if (!adapted()) return;
  runner.go(GraphPart::LoraProducts, Matmul<T, T>{.x = d_low, .w = &a_transposed_, .y = dx, .write = Write::Add});
}

template <class T>
void TrainGroup<T>::adapter_gradients(GraphRunner& runner, In<T> dy, In<T> x, In<T> low, Out<T> d_low, Out<T> dropped,
                                      DropoutMask mask) const {
  if (!adapted()) return;
  for (std::size_t j = 0; j < members_.size(); ++j) {
    runner.go(GraphPart::LoraProducts, MatmulWeightGrad<T>{.dy = dy,
                                                           .x = low,
                                                           .dw = gradients_->b[j].acc(),
                                                           .scale = scale_,
                                                           .dy_column = members_[j].place.column,
                                                           .x_column = static_cast<std::int64_t>(j) * rank_});
  }
  In<T> input = x;
  if (mask.p > 0) {
    dropped = {dropped.data, x.shape};
    runner.go(GraphPart::LoraProducts, Dropout<T>{.x = x, .y = dropped, .p = mask.p, .seed = mask.seed});
    input = dropped;
  }
  runner.go(GraphPart::LoraProducts,
            MatmulWeightGrad<T>{.dy = low_columns(d_low), .x = input, .dw = gradients_->a.acc()});
}

template class TrainGroup<float>;
template class TrainGroup<bf16>;

}  // namespace faqsmith
