// A model in memory to GGUF: Q and K rows permuted back, norms and biases kept in F32 as llama.cpp wants them.
#include "formats/gguf.h"
#include "model/tokenizer_gguf.h"
#include "model/weights_gguf.h"
#include "model/weights_gguf_rope.h"
#include "sys/parallel.h"

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

// One tensor is decoded at a time.
void write_slot(GgufWriter& out, const ConstGgufSlot& slot, std::int64_t head_dim) {
  const Shape& shape = slot.shape();
  const std::int64_t n_rows = shape[0], row_elements = shape.size() / n_rows;  // of a norm or bias: 1
  Buffer<float> values(shape);
  const auto write_row = [&](const RowSource& rows, std::int64_t row) {
    const std::int64_t source = slot.order == RowOrder::PairedHalves ? hf_row(row, head_dim) : row;
    rows.decode_rows(source, 1, values.data() + row * row_elements);
  };
  parallel_for(n_rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      if (slot.matrix) {
        write_row(*slot.matrix, row);
      } else {
        write_row(MemoryRows(slot.vector->in()), row);
      }
    }
  });
  out.write_tensor({values.data(), static_cast<std::size_t>(values.size())});
}

}  // namespace

void save_gguf(const fs::path& path, const Weights& weights, const TokenizerSpec& tokenizer, const std::string& name,
               GgufFloat type) {
  require(static_cast<std::int64_t>(tokenizer.tokens.size()) == weights.config.vocab_size,
          "a model is saved with a tokenizer of its own vocabulary");
  GgufWriter out;
  add_model_keys(out, weights.config, name, type);
  write_gguf_tokenizer(out, tokenizer);
  const std::vector<float> factors = gguf_rope_factors(weights.config);
  if (!factors.empty()) out.add_tensor(kRopeFactorsName, {static_cast<std::int64_t>(factors.size())}, GgmlType::F32);
  const std::vector<ConstGgufSlot> slots = gguf_slots(weights);
  for (const ConstGgufSlot& slot : slots) {
    const Shape& shape = slot.shape();
    std::vector<std::int64_t> dims;
    for (int d = shape.rank - 1; d >= 0; --d) dims.push_back(shape[d]);
    const bool half = type == GgufFloat::F16 && shape.rank == 2;
    out.add_tensor(slot.name, dims, half ? GgmlType::F16 : GgmlType::F32);
  }
  out.begin(path);
  if (!factors.empty()) out.write_tensor(factors);
  for (const ConstGgufSlot& slot : slots) {
    write_slot(out, slot, weights.config.head_dim);
  }
  out.finish();
}

}  // namespace faqsmith
