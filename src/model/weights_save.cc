// A model in memory to GGUF: Q and K rows permuted back, norms and biases kept in F32 as llama.cpp wants them.
#include <algorithm>

#include "formats/gguf.h"
#include "model/weights_gguf.h"
#include "model/weights_gguf_rope.h"

namespace faqsmith {
namespace {

void add_model_keys(GgufWriter& out, const LlamaConfig& config, const std::string& name, GgufFloat type) {
  const auto add = [&](const char* key, std::int64_t value) { out.add_uint32(key, static_cast<std::uint32_t>(value)); };
  out.add_string("general.architecture", "llama");
  out.add_string("general.type", "model");
  out.add_string("general.name", name);
  add("general.file_type", type == GgufFloat::F32 ? 0 : 1);
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

void add_tokenizer_keys(GgufWriter& out, const TokenizerSpec& spec) {
  out.add_string("tokenizer.ggml.model", spec.model);
  if (!spec.pre.empty()) out.add_string("tokenizer.ggml.pre", spec.pre);
  out.add_strings("tokenizer.ggml.tokens", spec.tokens);
  constexpr std::int32_t kNormalToken = 1;
  const std::vector<std::int32_t> all_normal(spec.tokens.size(), kNormalToken);
  out.add_int32s("tokenizer.ggml.token_type", spec.token_types.empty() ? all_normal : spec.token_types);
  if (!spec.merges.empty()) out.add_strings("tokenizer.ggml.merges", spec.merges);
  const auto add_id = [&](const char* key, TokenId id) {
    if (id >= 0) out.add_uint32(key, static_cast<std::uint32_t>(id));
  };
  add_id("tokenizer.ggml.bos_token_id", spec.bos);
  add_id("tokenizer.ggml.eos_token_id", spec.eos);
  add_id("tokenizer.ggml.unknown_token_id", spec.unknown);
  add_id("tokenizer.ggml.padding_token_id", spec.pad);
  out.add_bool("tokenizer.ggml.add_bos_token", spec.add_bos);
  out.add_bool("tokenizer.ggml.add_space_prefix", false);
  if (!spec.chat_template.empty()) out.add_string("tokenizer.chat_template", spec.chat_template);
}

void write_permuted(GgufWriter& out, const Buffer<float>& tensor, std::int64_t head_dim) {
  const std::int64_t n_rows = tensor.shape()[0], row_elements = tensor.size() / n_rows;  // of a bias: 1
  Buffer<float> permuted(tensor.shape());
  for (std::int64_t row = 0; row < n_rows; ++row) {
    const float* from = tensor.data() + hf_row(row, head_dim) * row_elements;
    std::copy(from, from + row_elements, permuted.data() + row * row_elements);
  }
  out.write_tensor({permuted.data(), static_cast<std::size_t>(permuted.size())});
}

}  // namespace

void save_gguf(const fs::path& path, const Weights& weights, const TokenizerSpec& tokenizer, const std::string& name,
               GgufFloat type) {
  require(static_cast<std::int64_t>(tokenizer.tokens.size()) == weights.config.vocab_size,
          "a model is saved with a tokenizer of its own vocabulary");
  GgufWriter out;
  add_model_keys(out, weights.config, name, type);
  add_tokenizer_keys(out, tokenizer);
  const std::vector<float> factors = rope_factors(weights.config);
  if (!factors.empty()) out.add_tensor(kRopeFactorsName, {static_cast<std::int64_t>(factors.size())}, GgmlType::F32);
  const std::vector<ConstGgufSlot> slots = gguf_slots(weights);
  for (const ConstGgufSlot& slot : slots) {
    const Shape& shape = slot.tensor->shape();
    std::vector<std::int64_t> dims;
    for (int d = shape.rank - 1; d >= 0; --d) dims.push_back(shape[d]);
    const bool half = type == GgufFloat::F16 && shape.rank == 2;
    out.add_tensor(slot.name, dims, half ? GgmlType::F16 : GgmlType::F32);
  }
  out.begin(path);
  if (!factors.empty()) out.write_tensor(factors);
  for (const ConstGgufSlot& slot : slots) {
    if (slot.order == RowOrder::PairedHalves) {
      write_permuted(out, *slot.tensor, weights.config.head_dim);
    } else {
      out.write_tensor({slot.tensor->data(), static_cast<std::size_t>(slot.tensor->size())});
    }
  }
  out.finish();
}

}  // namespace faqsmith
