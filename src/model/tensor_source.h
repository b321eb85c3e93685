// The tensors of a model, read a few rows at a time, in float32 and Hugging Face's order: what writing a model and
// running it layer by layer need. Promise: no source holds a float32 copy of a tensor, so that a merged model is never
// in memory as a whole. Reading is not thread-safe; a source uses all cores itself.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/weights.h"
#include "model/weights_hf.h"

namespace faqsmith {

struct ModelTensor {
  std::string name;                             // Hugging Face's: "model.layers.3.self_attn.q_proj.weight"
  Shape shape;                                  // [rows, columns], or [n] for norms and biases
  std::int64_t layer = -1;                      // -1: embedding, final norm, head
  std::optional<Linear> linear = std::nullopt;  // of a linear's weight, not of its bias
  [[nodiscard]] std::int64_t n_rows() const { return shape[0]; }
  [[nodiscard]] std::int64_t row_size() const { return shape.rank == 2 ? shape[1] : 1; }
};
// Every tensor of such a model once, in the order of for_each_tensor().
[[nodiscard]] std::vector<ModelTensor> model_tensors(const LlamaConfig& config);
[[nodiscard]] ModelTensor linear_tensor(const LlamaConfig& config, std::int64_t layer, Linear linear);

class TensorSource {
 public:
  virtual ~TensorSource() = default;
  [[nodiscard]] virtual const LlamaConfig& config() const = 0;
  // Rows [first, first + n) to out[n · row_size].
  virtual void read_rows(const ModelTensor& tensor, std::int64_t first, std::int64_t n, float* out) const = 0;
  [[nodiscard]] Buffer<float> read(const ModelTensor& tensor) const;  // the whole: for norms and biases
  virtual void release_pages(const ModelTensor&) const {}             // see RowSource
};

// A model in memory or as its file has it, which has to outlive this.
class WeightsSource final : public TensorSource {
 public:
  explicit WeightsSource(const Weights& weights);
  [[nodiscard]] const LlamaConfig& config() const override { return config_; }
  void read_rows(const ModelTensor& tensor, std::int64_t first, std::int64_t n, float* out) const override;
  void release_pages(const ModelTensor& tensor) const override;

 private:
  const LlamaConfig& config_;
  std::map<std::string, const RowSource*> matrices_;
  std::map<std::string, In<float>> vectors_;
};

// weights.h's and weights_hf.h's functions for any source; they need about 50 MB beside it.
void save_gguf(const fs::path& path, const TensorSource& source, const TokenizerSpec& tokenizer,
               const std::string& name, GgufFloat type);
void save_hf_folder(const fs::path& folder, const TensorSource& source, const TokenizerSpec& tokenizer,
                    const HfSaveOptions& options);

// Calls visit(first row, number of rows, values) until all rows of the tensor were read, about 16 MB at a time, and
// releases its pages. Each part but the last has a multiple of row_multiple rows. Throws Interrupted between parts.
void read_in_pieces(const TensorSource& source, const ModelTensor& tensor, std::int64_t row_multiple,
                    const std::function<void(std::int64_t first, std::int64_t n, std::span<float> values)>& visit);

}  // namespace faqsmith
