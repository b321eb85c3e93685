// The memory of a training graph, planned once: what the backward pass needs of each layer, scratch that all layers
// share, and gradients. A Planner either allocates or only counts, so the forecast and the truth are one piece of code.
#pragma once
#include <vector>

#include "model/lora.h"
#include "model/train_graph.h"
#include "tensor/buffer.h"

namespace faqsmith {

class Planner {
 public:
  enum class Mode { Allocate, Count };
  explicit Planner(Mode mode) : mode_(mode) {}
  template <class U>
  void make(Buffer<U>& buffer, const Shape& shape) {
    bytes_ += allocated_bytes(static_cast<std::size_t>(shape.size()) * sizeof(U));
    if (mode_ == Mode::Allocate) buffer = Buffer<U>(shape);
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Mode mode_;
  std::uint64_t bytes_ = 0;
};

// Linears that read the same input form a group: one product serves all of them.
enum class LinearGroup { Qkv, O, GateUp, Down };
inline constexpr int kGroups = 4;
struct GroupMember {
  Linear linear;
  std::int64_t column;  // where its output starts in the group's fused output
};
[[nodiscard]] std::vector<GroupMember> group_members(const LlamaConfig& config, LinearGroup group);
[[nodiscard]] Shape group_shape(const LlamaConfig& config, LinearGroup group);  // [fused out, in]
// Those of the group's linears that an adapter has in a layer, in the group's order.
[[nodiscard]] std::vector<GroupMember> adapted_members(const LlamaConfig& config, const LoraConfig& lora,
                                                       std::int64_t layer, LinearGroup group);

// Columns of the rank-r intermediates of all its adapters side by side, rounded up to what AMX tiles want; 0 without
// any.
[[nodiscard]] std::int64_t low_width(const LlamaConfig& config, const LoraConfig& lora, std::int64_t layer,
                                     LinearGroup group);

template <class T>
struct LayerTape {
  Buffer<float> r_attention;    // [tokens, hidden] residual stream at the attention norm
  Buffer<float> inv_attention;  // [tokens]
  Buffer<T> x_attention;        // [tokens, hidden] normed
  Buffer<T> qkv;                // [tokens, q + 2 kv] after RoPE
  Buffer<float> lse;            // [tokens, n_heads]
  Buffer<T> attended;           // [tokens, q]
  Buffer<float> r_mlp;          // [tokens, hidden] residual stream at the MLP norm
  Buffer<float> inv_mlp;        // [tokens]
  Buffer<T> x_mlp;              // [tokens, hidden]
  Buffer<T> gate_up;            // [tokens, 2 ffn]; the backward pass overwrites it with its gradient
  Buffer<T> low[kGroups];       // [tokens, low_width] the adapters' rank-r intermediates
};

template <class T>
struct Scratch {
  Buffer<T> delta;                // [tokens, hidden] what a block adds to the residual stream; its gradient
  Buffer<T> act;                  // [tokens, ffn] SwiGLU's result
  Buffer<T> d_act;                // [tokens, ffn]
  Buffer<T> d_x;                  // [tokens, hidden]
  Buffer<T> d_attended;           // [tokens, q]
  Buffer<T> d_qkv;                // [tokens, q + 2 kv]
  Buffer<T> whole_qkv;            // [tokens, q + 2 kv] of whole sequences, where they share their first tokens
  Buffer<T> whole_attended;       // [tokens, q]
  Buffer<T> whole_d_attended;     // [tokens, q]
  Buffer<T> whole_d_qkv;          // [tokens, q + 2 kv]
  Buffer<float> whole_lse;        // [tokens, n_heads]
  Buffer<float> d_residual;       // [tokens, hidden]
  Buffer<T> dropped;              // [tokens, widest input] the adapters' input after dropout
  Buffer<T> d_low;                // [tokens, widest low_width]
  Buffer<T> d_scaled;             // [tokens, widest output] DoRA: the gradient before the rows' lengths were set
  Buffer<T> unscaled;             // [tokens, widest output] DoRA: the product before that, computed again
  Buffer<float> r_head;           // [tokens, hidden] labelled rows of the residual stream
  Buffer<T> delta_head;           // [tokens, hidden]
  Buffer<float> inv_head;         // [tokens]
  Buffer<T> x_head;               // [tokens, hidden]
  Buffer<T> d_x_head;             // [tokens, hidden]
  Buffer<float> d_r_head;         // [tokens, hidden]
  std::int64_t n_head_block = 0;  // rows whose logits' gradients are there at once
  Buffer<float> logits;           // [chunk, vocab]; the chunk is the whole block for float
  Buffer<T> d_logits;             // [n_head_block, vocab]; empty for float: it lies in logits
  Buffer<float> losses;           // [chunk]
};

// Gradients of full fine-tuning; fused where the product is fused.
struct LayerGradients {
  Buffer<float> attention_norm, mlp_norm;  // [hidden]
  Buffer<float> group[kGroups];            // [fused out, in]
  Buffer<float> bias[kGroups];             // [fused out]; empty without biases
};
struct FullGradients {
  Buffer<float> embedding;   // [vocab, hidden]
  Buffer<float> final_norm;  // [hidden]
  Buffer<float> lm_head;     // [vocab, hidden]; empty when tied
  std::vector<LayerGradients> layers;
};
struct LoraGroupGradients {
  Buffer<float> a;               // [low_width, in]
  std::vector<Buffer<float>> b;  // each [out, rank]
  Buffer<float> magnitude;       // [fused out]; only with DoRA
};

template <class T>
void plan_tape(Planner& planner, std::vector<LayerTape<T>>& tape, const LlamaConfig& config, const LoraConfig* lora,
               std::int64_t tokens);
template <class T>
void plan_scratch(Planner& planner, Scratch<T>& scratch, const LlamaConfig& config, const LoraConfig* lora,
                  const GraphLimits& limits);
void plan_full_gradients(Planner& planner, FullGradients& gradients, const LlamaConfig& config);
void plan_lora_gradients(Planner& planner, std::vector<LoraGroupGradients>& gradients, const LlamaConfig& config,
                         const LoraConfig& lora);

}  // namespace faqsmith
