// Names and shapes as lists, and rows from memory or through an adapter.
#include "model/tensor_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "sys/interrupt.h"
#include "sys/parallel.h"

namespace faqsmith {

ModelTensor linear_tensor(const LlamaConfig& config, std::int64_t layer, Linear linear) {
  return {hf_name(layer, linear), linear_shape(config, linear), layer, linear};
}

std::vector<ModelTensor> model_tensors(const LlamaConfig& config) {
  std::vector<ModelTensor> out = {{"model.embed_tokens.weight", {config.vocab_size, config.hidden_size}}};
  for (std::int64_t i = 0; i < config.n_layers; ++i) {
    const auto add_norm = [&](const char* name) {
      out.push_back({fmt::format("model.layers.{}.{}.weight", i, name), {config.hidden_size}, i});
    };
    const auto add_linear = [&](Linear linear) {
      out.push_back(linear_tensor(config, i, linear));
      const std::int64_t rows = out.back().n_rows();
      if (has_bias(config, linear)) out.push_back({hf_bias_name(i, linear), {rows}, i});
    };
    add_norm("input_layernorm");
    for (const Linear l : {Linear::Q, Linear::K, Linear::V, Linear::O}) add_linear(l);
    add_norm("post_attention_layernorm");
    for (const Linear l : {Linear::Gate, Linear::Up, Linear::Down}) add_linear(l);
  }
  out.push_back({"model.norm.weight", {config.hidden_size}});
  if (!config.tied_embeddings) out.push_back({"lm_head.weight", {config.vocab_size, config.hidden_size}});
  return out;
}

Buffer<float> TensorSource::read(const ModelTensor& tensor) const {
  Buffer<float> out(tensor.shape);
  read_rows(tensor, 0, tensor.n_rows(), out.data());
  return out;
}

WeightsSource::WeightsSource(const Weights& weights) : config_(weights.config) {
  for_each_source(weights, [&](const std::string& name, const RowSource& rows) {
    if (rows.shape().rank == 2) {
      matrices_.emplace(name, &rows);
    } else {
      vectors_.emplace(name, In<float>{rows.in_memory(), rows.shape()});
    }
  });
}

void WeightsSource::read_rows(const ModelTensor& tensor, std::int64_t first, std::int64_t n, float* out) const {
  if (tensor.shape.rank == 1) {
    std::copy_n(vectors_.at(tensor.name).data + first, n, out);
    return;
  }
  const RowSource& rows = *matrices_.at(tensor.name);
  parallel_for(n, [&](std::int64_t begin, std::int64_t end) {
    rows.decode_rows(first + begin, end - begin, out + begin * tensor.row_size());
  });
}

void WeightsSource::release_pages(const ModelTensor& tensor) const {
  if (tensor.shape.rank == 2) matrices_.at(tensor.name)->release_pages();
}

void read_in_pieces(const TensorSource& source, const ModelTensor& tensor, std::int64_t row_multiple,
                    const std::function<void(std::int64_t, std::int64_t, std::span<float>)>& visit) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 22;  // values
  const std::int64_t wanted = std::max<std::int64_t>(1, kPiece / tensor.row_size());
  const std::int64_t rows = std::min((wanted + row_multiple - 1) / row_multiple * row_multiple, tensor.n_rows());
  Buffer<float> values({rows, tensor.row_size()});
  for (std::int64_t first = 0; first < tensor.n_rows(); first += rows) {
    stop_if_interrupted();
    const std::int64_t n = std::min(rows, tensor.n_rows() - first);
    source.read_rows(tensor, first, n, values.data());
    visit(first, n, {values.data(), static_cast<std::size_t>(n * tensor.row_size())});
  }
  source.release_pages(tensor);
}

}  // namespace faqsmith
