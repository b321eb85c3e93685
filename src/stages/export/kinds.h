// The forms in which a trained model can be exported, as one table. Private to stages/export but for the enum.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "model/weights.h"
#include "tensor/block_type.h"

namespace faqsmith {

enum class ExportKind { Adapter, GgufLora, GgufF32, GgufF16, GgufBf16, GgufQ8_0, GgufQ4_0, GgufQ4_K, Hf };
[[nodiscard]] const char* export_kind_name(ExportKind kind);          // "adapter", "gguf-lora", "f32", …, "hf"
[[nodiscard]] std::vector<std::string> export_kind_names();           // all, in the table's order
[[nodiscard]] ExportKind parse_export_kind(const std::string& name);  // throws Error(User) with a suggestion
[[nodiscard]] std::string export_file_name(ExportKind kind);          // "adapter", "model-q8_0.gguf", "model-hf"
[[nodiscard]] bool is_adapter(ExportKind kind);
[[nodiscard]] bool is_gguf_model(ExportKind kind);
[[nodiscard]] GgufFloat gguf_float(ExportKind kind);                           // is_gguf_model(kind)
[[nodiscard]] double bytes_per_parameter(ExportKind kind, SafeFloat hf_type);  // about

// In which type each tensor of a whole model is written, by its Hugging Face name.
using TensorTypes = std::map<std::string, GgmlType>;
[[nodiscard]] TensorTypes tensor_types(const LlamaConfig& config, ExportKind kind, SafeFloat hf_type);

// How far what was written may be from what was trained. Zero: not at all.
struct ExportBounds {
  double states = 0;  // relative: residual stream after each layer, length of the difference over its own length
  double logits = 0;  // relative, each row less its mean
  double score = 0;   // log-probability of the trained model's own answers, natural logarithm, a token
};
[[nodiscard]] ExportBounds export_bounds(ExportKind kind, SafeFloat hf_type);

}  // namespace faqsmith
