// The table, and what follows from a row of it.
#include "stages/export/kinds.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "model/gguf_types.h"
#include "model/tensor_source.h"
#include "model/weights_gguf.h"

namespace faqsmith {
namespace {

// Bounds: about twice (4 bits) to seven times (16 bits) what was measured on a tuned default model
// (docs/decisions/0009).
constexpr ExportBounds kExact{}, kBf16{0.05, 0.05, 0.15}, kF16{0.01, 0.01, 0.05}, kQ8{0.1, 0.1, 0.2}, kQ4{0.9, 0.9, 2};

struct Row {
  ExportKind kind;
  const char* name;
  GgufFloat gguf;  // of whole models in GGUF
  double bytes;    // a parameter
  ExportBounds bounds;
};
constexpr std::array<Row, 9> kRows = {{{ExportKind::Adapter, "adapter", GgufFloat::F32, 0.1, kExact},
                                       {ExportKind::GgufLora, "gguf-lora", GgufFloat::F32, 0.1, kExact},
                                       {ExportKind::GgufF32, "f32", GgufFloat::F32, 4, kExact},
                                       {ExportKind::GgufF16, "f16", GgufFloat::F16, 2, kF16},
                                       {ExportKind::GgufBf16, "bf16", GgufFloat::BF16, 2, kBf16},
                                       {ExportKind::GgufQ8_0, "q8_0", GgufFloat::Q8_0, 1.1, kQ8},
                                       {ExportKind::GgufQ4_0, "q4_0", GgufFloat::Q4_0, 0.7, kQ4},
                                       {ExportKind::GgufQ4_K, "q4_k", GgufFloat::Q4_K, 0.8, kQ4},
                                       {ExportKind::Hf, "hf", GgufFloat::F32, 4, kExact}}};

const Row& row_of(ExportKind kind) {
  return kRows[static_cast<std::size_t>(kind)];
}

GgmlType ggml_type(SafeFloat type) {
  return type == SafeFloat::F32 ? GgmlType::F32 : type == SafeFloat::F16 ? GgmlType::F16 : GgmlType::BF16;
}

}  // namespace

const char* export_kind_name(ExportKind kind) {
  return row_of(kind).name;
}

std::vector<std::string> export_kind_names() {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.name);
  return names;
}

ExportKind parse_export_kind(const std::string& name) {
  for (const Row& row : kRows) {
    if (name == row.name) return row.kind;
  }
  const std::vector<std::string> names = export_kind_names();
  const std::string near = did_you_mean(name, names);
  throw Error(Kind::User, fmt::format("\"{}\" is nothing that can be exported", name),
              near.empty() ? "choose from " + join(names, ", ") : fmt::format("did you mean {}?", near));
}

std::string export_file_name(ExportKind kind) {
  if (kind == ExportKind::Adapter) return "adapter";
  if (kind == ExportKind::GgufLora) return "adapter.gguf";
  if (kind == ExportKind::Hf) return "model-hf";
  return fmt::format("model-{}.gguf", row_of(kind).name);
}

bool is_adapter(ExportKind kind) {
  return kind == ExportKind::Adapter || kind == ExportKind::GgufLora;
}

bool is_gguf_model(ExportKind kind) {
  return !is_adapter(kind) && kind != ExportKind::Hf;
}

GgufFloat gguf_float(ExportKind kind) {
  require(is_gguf_model(kind), "a GGUF model has a type");
  return row_of(kind).gguf;
}

double bytes_per_parameter(ExportKind kind, SafeFloat hf_type) {
  return kind == ExportKind::Hf ? static_cast<double>(bytes_of(hf_type)) : row_of(kind).bytes;
}

TensorTypes tensor_types(const LlamaConfig& config, ExportKind kind, SafeFloat hf_type) {
  TensorTypes out;
  if (kind == ExportKind::Hf) {
    for (const ModelTensor& tensor : model_tensors(config)) out[tensor.name] = ggml_type(hf_type);
    return out;
  }
  const std::vector<GgufShape> shapes = gguf_shapes(config);
  const std::vector<GgufTensorType> types = gguf_tensor_types(config, gguf_float(kind));
  for (std::size_t i = 0; i < shapes.size(); ++i) out[shapes[i].hf_name] = types[i].type;
  return out;
}

ExportBounds export_bounds(ExportKind kind, SafeFloat hf_type) {
  if (kind != ExportKind::Hf || hf_type == SafeFloat::F32) return row_of(kind).bounds;
  return hf_type == SafeFloat::F16 ? kF16 : kBf16;
}

}  // namespace faqsmith
