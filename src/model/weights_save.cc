// A model to GGUF, a few rows at a time: Q and K rows permuted back.
#include <algorithm>

#include "formats/gguf.h"
#include "model/gguf_types.h"
#include "model/tensor_source.h"
#include "model/tokenizer_gguf.h"
#include "model/weights_gguf.h"
#include "model/weights_gguf_rope.h"

namespace faqsmith {
namespace {

void add_model_keys(GgufWriter& out, const LlamaConfig& config, const std::string& name, GgufFloat type) {
  const auto add = [&](const char* key, std::int64_t value) { out.add_uint32(key, static_cast<std::uint32_t>(value)); };
  out.add_string("general.architecture", "llama");
  out.add_string("general.type", "model");
  out.add_string("general.name", name);
  add("general.file_type", gguf_file_type(type));
  add("llama.block_count", config.n_layers);
  add("llama.context_length", config.max_positions);
  add("llama.embedding_length", config.hidden_size);
  add("llama.feed_forward_length", config.intermediate_size);
  add("llama.attention.head_count", config.n_heads);
  add("llama.attention.head_count_kv", config.n_kv_heads);
  add("llama.attention.key_length", config.head_dim);
  add("llama.attention.value_length", config.head_dim);
  add("llama.rope.dimension_count", config.head_dim);
  add("llama.vocab_size", config.vocab_size);
  out.add_float32("llama.rope.freq_base", config.rope_theta);
  out.add_float32("llama.attention.layer_norm_rms_epsilon", config.rms_norm_eps);
  if (config.sliding_window > 0) add("llama.attention.sliding_window", config.sliding_window);
  add_rope_scaling(out, config);
}

std::vector<std::int64_t> innermost_first(const Shape& shape) {
  std::vector<std::int64_t> dims;
  for (int d = shape.rank - 1; d >= 0; --d) dims.push_back(shape[d]);
  return dims;
}

// Whole heads of Q and K in each piece, so that their rows change places within it.
void write_tensor(GgufWriter& out, const TensorSource& source, const GgufShape& shape) {
  const std::int64_t head_dim = source.config().head_dim;
  const bool permuted = shape.order == RowOrder::PairedHalves;
  const ModelTensor tensor{shape.hf_name, shape.shape, shape.layer, shape.linear};
  const std::int64_t row_size = tensor.row_size();
  std::vector<float> in_gguf_order;
  read_in_pieces(source, tensor, permuted ? head_dim : 1,
                 [&](std::int64_t, std::int64_t n, std::span<const float> values) {
                   if (!permuted) return out.write_values(values);
                   in_gguf_order.resize(values.size());
                   for (std::int64_t row = 0; row < n; ++row) {
                     std::copy_n(values.data() + hf_row(row, head_dim) * row_size, row_size,
                                 in_gguf_order.data() + row * row_size);
                   }
                   out.write_values(in_gguf_order);
                 });
}

}  // namespace

void save_gguf(const fs::path& path, const TensorSource& source, const TokenizerSpec& tokenizer,
               const std::string& name, GgufFloat type) {
  const LlamaConfig& config = source.config();
  require(static_cast<std::int64_t>(tokenizer.tokens.size()) == config.vocab_size,
          "a model is saved with a tokenizer of its own vocabulary");
  GgufWriter out;
  add_model_keys(out, config, name, type);
  write_gguf_tokenizer(out, tokenizer);
  const std::vector<float> factors = gguf_rope_factors(config);
  if (!factors.empty()) out.add_tensor(kRopeFactorsName, {static_cast<std::int64_t>(factors.size())}, GgmlType::F32);
  const std::vector<GgufShape> shapes = gguf_shapes(config);
  const std::vector<GgufTensorType> types = gguf_tensor_types(config, type);
  for (std::size_t i = 0; i < shapes.size(); ++i)
    out.add_tensor(shapes[i].name, innermost_first(shapes[i].shape), types[i].type);
  out.begin(path);
  if (!factors.empty()) out.write_tensor(factors);
  for (const GgufShape& shape : shapes) write_tensor(out, source, shape);
  out.finish();
}

void save_gguf(const fs::path& path, const Weights& weights, const TokenizerSpec& tokenizer, const std::string& name,
               GgufFloat type) {
  save_gguf(path, WeightsSource(weights), tokenizer, name, type);
}

}  // namespace faqsmith
