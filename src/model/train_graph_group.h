// A group of linears that read one input (q|k|v, o, gate|up, down), as one packed product with its LoRA adapters:
//   y = x W^T + b + scale * (drop(x) A^T) B^T,   dx = dy W + drop(scale * dy B A),   dA, dB or dW.
// With DoRA y's columns (b apart) are multiplied by magnitude / ||W + scale B A||, a length that counts as constant.
// Promise: with adapters only the rank-r product of the forward pass is kept, and W gets no gradient. The adapters of a
// group are one product as well: their A stacked, their B on the diagonal of one matrix whose other blocks are zero
// (passed over, or with AMX multiplied: thin products of their own are slower there).
// W is packed in both orientations once, or, to save that memory, each time that it is read: decoded from the form in
// which the model keeps it into memory that all groups share. The products are the same, bit for bit.
#pragma once
#include <array>
#include <chrono>
#include <span>
#include <vector>

#include "model/train_graph_buffers.h"
#include "ops/matmul.h"

namespace faqsmith {

// Launches ops and adds up where the time goes.
struct GraphRunner {
  Cpu cpu;
  std::array<double, static_cast<std::size_t>(GraphPart::Count)> seconds{};
  template <class Op>
  void go(GraphPart part, const Op& op) {
    time(part, [&] { launch(cpu, op); });
  }
  template <class Work>
  void time(GraphPart part, const Work& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds[static_cast<std::size_t>(part)] +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
};

// The first n rows of a buffer made for more.
template <class U>
[[nodiscard]] Out<U> rows_of(Buffer<U>& buffer, std::int64_t n) {
  return buffer.empty() ? Out<U>{} : first_rows(buffer.out(), n);
}

struct DropoutMask {
  float p = 0;  // 0 = off
  std::uint64_t seed = 0;
};

// Memory that the gradients of all groups use in turn; each is laid out for the group that runs.
template <class T>
struct GroupScratch {
  Out<T> d_low, dropped, d_scaled, unscaled;
};

template <class T>
class TrainGroup {
 public:
  // adapters: this layer's pairs, nullptr for none; gradients: this group's, nullptr for a group without adapters;
  // shared: memory for W, used in turn with the other groups, nullptr for own memory.
  TrainGroup(Compute compute, const LlamaConfig& config, const LayerWeights& weights, LinearGroup group,
             const LoraConfig* lora, std::vector<std::optional<LoraPair>>* adapters, LoraGroupGradients* gradients,
             PackMemory* shared);
  [[nodiscard]] bool adapted() const { return !members_.empty(); }
  void repack_weights();  // after the masters of a full fine-tuning changed
  void repack_adapters();
  [[nodiscard]] std::uint64_t bytes() const;  // packed copies

  void forward(GraphRunner& runner, In<T> x, Out<T> y, Out<T> low, Out<T> dropped, DropoutMask mask);
  // dx, and in the scratch what adapter_gradients then reads (d_low = scale * dy B; with DoRA d_scaled): call this
  // first. dx may be empty.
  void input_gradient(GraphRunner& runner, In<T> dy, Out<T> dx, const GroupScratch<T>& scratch, DropoutMask mask);
  // dA, dB and the magnitudes', added to their gradients or in place of them.
  void adapter_gradients(GraphRunner& runner, In<T> dy, In<T> x, In<T> low, const GroupScratch<T>& scratch,
                         DropoutMask mask, Write write);

 private:
  struct Member {
    GroupMember place;
    LoraPair* pair;
  };
  [[nodiscard]] std::vector<const RowSource*> weight_parts() const;
  // w with its values in place: streamed, if it has no memory of its own.
  [[nodiscard]] const PackedMatrix* ready(GraphRunner& runner, PackedMatrix& w) const;
  [[nodiscard]] Buffer<float> bias_parts() const;
  void fuse_adapters();                                // masters -> a_fused_, b_fused_
  [[nodiscard]] Out<T> low_columns(Out<T> low) const;  // the scratch laid out for this group's width
  [[nodiscard]] bool dora() const { return !column_scale_.empty(); }
  void measure_rows();                                        // DoRA: column_scale_, inverse_norm_
  [[nodiscard]] Out<T> output_columns(Out<T> scratch) const;  // the same for the group's outputs
  void magnitude_gradient(GraphRunner& runner, In<T> dy, In<T> x, In<T> low, Out<T> unscaled, Write write);
  const LayerWeights* weights_;
  bool streamed_;
  std::vector<GroupMember> linears_;
  std::vector<Member> members_;
  std::int64_t rank_ = 0, low_width_ = 0;
  float scale_ = 1;
  LoraGroupGradients* gradients_ = nullptr;
  Buffer<float> bias_;                                                   // [fused out]; empty without
  Buffer<float> column_scale_, inverse_norm_;                            // DoRA: [fused out]
  Buffer<float> a_fused_, b_fused_;                                      // [low_width, in], [fused out, low_width]
  PackedMatrix w_, w_transposed_, a_, a_transposed_, b_, b_transposed_;  // both b carry alpha / rank
};

}  // namespace faqsmith
