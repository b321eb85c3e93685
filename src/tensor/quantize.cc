// Formats of one scale a block; super-blocks are in quantize_k.cc. No fused multiply-add may change a bit.
#include "tensor/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "sys/parallel.h"
#include "tensor/quantize_k.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kBlock = 32;  // elements of a block, K-quants apart

// The reciprocal that turns values into steps; 0 where the scale is too small to have one.
float reciprocal(float scale) {
  const float out = scale == 0 ? 0.0f : 1.0f / scale;
  return std::isfinite(out) ? out : 0.0f;
}

void store_half(float value, std::byte* out) {
  const std::uint16_t half = float_to_half(value);
  std::memcpy(out, &half, sizeof half);
}

// The first of the values with the largest magnitude.
float extreme(const float* x) {
  return *std::max_element(x, x + kBlock, [](float a, float b) { return std::abs(a) < std::abs(b); });
}

// Each of these writes one block of 32 values.
void quantize_block_q8_0(const float* x, std::byte* out) {
  const float d = std::abs(extreme(x)) / 127.0f, inverse = reciprocal(d);
  store_half(d, out);
  for (std::int64_t i = 0; i < kBlock; ++i) {
    out[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(x[i] * inverse)));
  }
}

void quantize_block_q4_0(const float* x, std::byte* out) {
  const float d = extreme(x) / -8.0f, inverse = reciprocal(d);
  store_half(d, out);
  const auto level = [&](std::int64_t i) { return std::min(15, static_cast<int>(x[i] * inverse + 8.5f)); };
  for (std::int64_t i = 0; i < 16; ++i) out[2 + i] = static_cast<std::byte>(level(i) | (level(i + 16) << 4));
}

void quantize_block_q5_0(const float* x, std::byte* out) {
  const float d = extreme(x) / -16.0f, inverse = reciprocal(d);
  store_half(d, out);
  const auto level = [&](std::int64_t i) { return std::min(31, static_cast<int>(x[i] * inverse + 16.5f)); };
  std::uint32_t fifth_bits = 0;
  for (std::int64_t i = 0; i < 16; ++i) {
    const int low = level(i), high = level(i + 16);
    out[6 + i] = static_cast<std::byte>((low & 15) | ((high & 15) << 4));
    fifth_bits |= static_cast<std::uint32_t>(low >> 4) << i | static_cast<std::uint32_t>(high >> 4) << (i + 16);
  }
  std::memcpy(out + 2, &fifth_bits, sizeof fifth_bits);
}

using QuantizeBlock = void (*)(const float* x, std::byte* out);

QuantizeBlock quantize_block(GgmlType type) {
  switch (type) {
    case GgmlType::Q8_0:
      return quantize_block_q8_0;
    case GgmlType::Q4_0:
      return quantize_block_q4_0;
    case GgmlType::Q5_0:
      return quantize_block_q5_0;
    case GgmlType::Q4_K:
      return quantize_block_q4_k;
    case GgmlType::Q6_K:
      return quantize_block_q6_k;
    default:
      return nullptr;
  }
}

// Where the block keeps its half-precision scales.
std::vector<std::size_t> scale_places(GgmlType type) {
  if (type == GgmlType::Q4_K) return {0, 2};
  if (type == GgmlType::Q6_K) return {208};
  return {0};
}

void check_scales(GgmlType type, std::span<const std::byte> bytes, const std::string& tensor) {
  const auto block_bytes = static_cast<std::size_t>(find_type(static_cast<std::uint32_t>(type))->block_bytes);
  for (const std::size_t place : scale_places(type)) {
    for (std::size_t at = place; at < bytes.size(); at += block_bytes) {
      std::uint16_t half = 0;
      std::memcpy(&half, bytes.data() + at, sizeof half);
      if ((half & 0x7c00u) != 0x7c00u) continue;
      throw Error(Kind::Input,
                  fmt::format("tensor \"{}\" holds values whose scale does not fit into {}", tensor,
                              find_type(static_cast<std::uint32_t>(type))->name),
                  "keep it in F32: export f32; to answer, infer.weights: packed");
    }
  }
}

}  // namespace

bool can_quantize(GgmlType type) {
  return type == GgmlType::F32 || type == GgmlType::F16 || type == GgmlType::BF16 || quantize_block(type);
}

std::uint64_t quantized_bytes(GgmlType type, std::uint64_t n) {
  const GgmlTypeInfo& info = *find_type(static_cast<std::uint32_t>(type));
  require(n % static_cast<std::uint64_t>(info.block_elements) == 0, "whole blocks are quantised");
  return n / static_cast<std::uint64_t>(info.block_elements) * static_cast<std::uint64_t>(info.block_bytes);
}

std::vector<std::byte> quantize(GgmlType type, std::span<const float> values, const std::string& tensor) {
  require(can_quantize(type), "quantize() knows the type");
  std::vector<std::byte> out(static_cast<std::size_t>(quantized_bytes(type, values.size())));
  if (values.empty()) return out;
  if (type == GgmlType::F32) {
    std::memcpy(out.data(), values.data(), out.size());
  } else if (type == GgmlType::F16 || type == GgmlType::BF16) {
    const auto narrow = type == GgmlType::F16 ? to_halves(values, tensor) : to_bf16s(values, tensor);
    std::memcpy(out.data(), narrow.data(), out.size());
  } else {
    const GgmlTypeInfo& info = *find_type(static_cast<std::uint32_t>(type));
    const QuantizeBlock block = quantize_block(type);
    const auto blocks = static_cast<std::int64_t>(values.size()) / info.block_elements;
    parallel_for(blocks, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b)
        block(values.data() + b * info.block_elements, out.data() + b * info.block_bytes);
    });
    check_scales(type, out, tensor);
  }
  return out;
}

}  // namespace faqsmith
