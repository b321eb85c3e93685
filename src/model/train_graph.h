// Llama's forward and backward pass for training, written out by hand (no autograd tape: the graph is known). Promise:
// after construction no step allocates; packed sequences never see each other; only labelled rows reach the LM head;
// frozen weights get no gradient. Not for generation: that is infer/. Not thread-safe; uses all cores itself. Sources:
// Touvron et al. 2023 (arXiv 2302.13971), Hu et al. 2021 (LoRA, arXiv 2106.09685).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/lora.h"
#include "model/train_graph_pack.h"
#include "model/weights.h"
#include "tensor/device.h"
#include "tensor/view.h"

namespace faqsmith {

// One tensor that training changes. The views stay valid as long as the graph lives.
struct TrainedTensor {
  std::string name;    // Hugging Face's; for adapters "model.layers.3.self_attn.q_proj.lora_A" and "…lora_B"
  InOut<float> value;  // the float32 master
  Acc<float> grad;     // value's shape: gradient of the SUM of the losses since zero_gradients()
  enum class Decay { Matrix, Embedding, None };
  Decay decay = Decay::Matrix;  // Embedding: tables of the vocabulary; None: norms and biases
};

struct GraphLimits {
  std::int64_t max_tokens = 0;  // of one pack: sets the memory
  std::int64_t max_length = 0;  // of one sequence in it
};

// Where the time of a step goes, in seconds since the graph was made.
enum class GraphPart {
  Linears,
  WeightGrads,
  LoraProducts,
  Attention,
  Pointwise,
  Head,
  HeadGrads,
  Embedding,
  Repack,
  Streaming,
  Count
};
[[nodiscard]] const char* part_name(GraphPart part);

// Where the products of a graph find a weight that is not trained. The results are the same, bit for bit.
enum class FrozenBase {
  Packed,    // packed in both orientations once: fastest
  Streamed,  // only in the form in which the model keeps it: decoded and packed each time into memory that all share
};

class TrainGraph {
 public:
  virtual ~TrainGraph() = default;
  // Sum of weight * -log p(label) over the pack's labelled rows. Dropout is off.
  [[nodiscard]] virtual double loss(const Pack& pack) = 0;
  // The same sum, and its gradient added to every trained tensor's grad. dropout_seed: the same seed gives the same
  // masks.
  virtual double loss_and_gradients(const Pack& pack, std::uint64_t dropout_seed) = 0;
  // Logits of the pack's labelled rows, [n_labelled, vocab].
  [[nodiscard]] virtual std::vector<float> logits(const Pack& pack) = 0;
  [[nodiscard]] virtual const std::vector<TrainedTensor>& trained() const = 0;  // in a fixed order
  virtual void zero_gradients() = 0;
  virtual void weights_changed() = 0;                     // the masters have new values: the packed copies follow
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;  // all buffers and packed copies; not the masters
  [[nodiscard]] virtual double seconds(GraphPart part) const = 0;
};

// Full fine-tuning: every tensor of weights is trained in place.
[[nodiscard]] std::unique_ptr<TrainGraph> make_full_graph(const Cpu& cpu, Weights& weights, const GraphLimits& limits);
// LoRA: weights stay as they are, the adapter is trained in place. Dropout applies to the adapters' input; adapters
// that share an input (q, k, v; gate, up) share its mask. Weights may be kept in any form.
[[nodiscard]] std::unique_ptr<TrainGraph> make_lora_graph(const Cpu& cpu, const Weights& weights, LoraWeights& lora,
                                                          const GraphLimits& limits,
                                                          FrozenBase base = FrozenBase::Packed);
// What bytes() of such a graph would say, without making it. lora = nullptr: full fine-tuning.
[[nodiscard]] std::uint64_t forecast_graph_bytes(const Cpu& cpu, const LlamaConfig& config, const LoraConfig* lora,
                                                 const GraphLimits& limits, FrozenBase base = FrozenBase::Packed);

}  // namespace faqsmith
