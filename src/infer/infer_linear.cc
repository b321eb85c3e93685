// Chooses the form by what the parts are; a fused linear has one form.
#include "infer/infer_linear.h"

#include <algorithm>
#include <type_traits>

#include "ops/elementwise.h"

namespace faqsmith {
namespace {

bool has_blocks(const WeightMatrix& part) {
  return part.stored_type() && has_quant_kernel(*part.stored_type());
}

QuantMatrix as_stored(std::span<const WeightMatrix* const> parts, const std::shared_ptr<Arena>& arena) {
  std::vector<QuantPart> sources;
  for (const WeightMatrix* part : parts) {
    sources.push_back({*part->stored_type(), {}});
    for (std::int64_t r = 0; r < part->shape()[0]; ++r) sources.back().rows.push_back(part->row_blocks(r).data());
  }
  return QuantMatrix(sources, parts[0]->shape()[1], arena);
}

// Values of 16 bits that the file has stay as they are.
GgmlType panel_type(WeightForm form, std::span<const WeightMatrix* const> parts) {
  const auto all_are = [&](GgmlType type) {
    return std::all_of(parts.begin(), parts.end(), [=](const auto* part) { return part->stored_type() == type; });
  };
  if (all_are(GgmlType::BF16)) return GgmlType::BF16;
  if (all_are(GgmlType::F16)) return GgmlType::F16;
  return form == WeightForm::Packed ? GgmlType::F32 : GgmlType::BF16;
}

// The parts as float32, decoded where they are not; `decoded` owns what was.
std::vector<In<float>> as_floats(std::span<const WeightMatrix* const> parts, std::vector<Buffer<float>>& decoded) {
  std::vector<In<float>> views;
  for (const WeightMatrix* part : parts) {
    if (!part->is_float32()) decoded.push_back(part->decode());
    views.push_back(part->is_float32() ? part->in() : decoded.back().in());
  }
  return views;
}

}  // namespace

InferLinear::InferLinear(Compute compute, WeightForm form, const std::shared_ptr<Arena>& arena,
                         std::span<const WeightMatrix* const> parts, Buffer<float> bias)
    : bias_(std::move(bias)) {
  const bool all_have_blocks = std::all_of(parts.begin(), parts.end(), [](const auto* p) { return has_blocks(*p); });
  if (form != WeightForm::Packed && all_have_blocks) {
    blocks_ = as_stored(parts, arena);
    return;
  }
  constexpr std::int64_t kQ8Block = 32;
  if (form == WeightForm::Quantised && parts[0]->shape()[1] % kQ8Block == 0) {
    std::vector<Buffer<float>> decoded;
    blocks_ = QuantMatrix::from_float(as_floats(parts, decoded), arena);
    return;
  }
  const std::vector<const RowSource*> rows(parts.begin(), parts.end());
  if (compute == Compute::F32) {
    panels_ = PanelMatrix(panel_type(form, parts), rows, arena);
  } else {
    packed_ = PackedMatrix(compute, rows, Product::Forward);
  }
}

template <class T, class Y>
void InferLinear::multiply(Cpu& cpu, In<T> x, Out<Y> y, QuantKernel kernel) const {
  if (is_quantised()) {
    launch(cpu, QuantMatmul<T, Y>{.x = x, .w = &blocks_, .y = y, .kernel = kernel});
  } else if constexpr (std::is_same_v<T, float>) {
    launch(cpu, PanelMatmul{.x = x, .w = &panels_, .y = y});
  } else {
    launch(cpu, Matmul<T, Y>{.x = x, .w = &packed_, .y = y});
  }
  if (bias_.empty()) return;
  if constexpr (std::is_same_v<T, Y>) {
    launch(cpu, AddBias<T>{.bias = bias_.in(), .y = {y.data, y.shape}});
  } else {
    require(false, "a product that leaves the compute type has no bias");
  }
}
template void InferLinear::multiply(Cpu&, In<float>, Out<float>, QuantKernel) const;
template void InferLinear::multiply(Cpu&, In<bf16>, Out<bf16>, QuantKernel) const;
template void InferLinear::multiply(Cpu&, In<bf16>, Out<float>, QuantKernel) const;

std::int64_t InferLinear::n_in() const {
  if (is_quantised()) return blocks_.n_in();
  return packed_.empty() ? panels_.n_in() : packed_.n_in();
}
std::int64_t InferLinear::n_out() const {
  if (is_quantised()) return blocks_.n_out();
  return packed_.empty() ? panels_.n_out() : packed_.n_out();
}
std::size_t InferLinear::bytes() const {
  if (is_quantised()) return blocks_.bytes();
  return packed_.empty() ? panels_.bytes() : packed_.bytes();
}

}  // namespace faqsmith
