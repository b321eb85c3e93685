// Scalar code on purpose: loading is bound by memory, and no fused multiply-add may change a bit.
#include "tensor/quants.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/quants_k.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kBlock = 32;  // elements of a block, K-quants apart

std::uint16_t load_u16(const std::byte* p) {
  std::uint16_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return v;
}

void dequantize_q8_0(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 34, out += kBlock) {
    const float d = half_to_float(load_u16(in));
    for (std::int64_t i = 0; i < kBlock; ++i) {
      out[i] = d * static_cast<float>(static_cast<std::int8_t>(in[2 + i]));
    }
  }
}

// The low halves of the 16 bytes are elements 0..15, the high halves 16..31.
void dequantize_q4_0(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 18, out += kBlock) {
    const float d = half_to_float(load_u16(in));
    for (std::int64_t i = 0; i < 16; ++i) {
      const int q = static_cast<int>(in[2 + i]);
      out[i] = d * static_cast<float>((q & 15) - 8);
      out[i + 16] = d * static_cast<float>((q >> 4) - 8);
    }
  }
}

void dequantize_q4_1(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 20, out += kBlock) {
    const float d = half_to_float(load_u16(in));
    const float m = half_to_float(load_u16(in + 2));
    for (std::int64_t i = 0; i < 16; ++i) {
      const int q = static_cast<int>(in[4 + i]);
      out[i] = d * static_cast<float>(q & 15) + m;
      out[i + 16] = d * static_cast<float>(q >> 4) + m;
    }
  }
}

// The fifth bits of all 32 elements, element 0 lowest, stand before the nibbles.
int fifth_bit(std::uint32_t bits, std::int64_t element) {
  return static_cast<int>((bits >> element) & 1u) << 4;
}

std::uint32_t load_u32(const std::byte* p) {
  std::uint32_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return v;
}

void dequantize_q5_0(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 22, out += kBlock) {
    const float d = half_to_float(load_u16(in));
    const std::uint32_t fifth = load_u32(in + 2);
    for (std::int64_t i = 0; i < 16; ++i) {
      const int q = static_cast<int>(in[6 + i]);
      out[i] = d * static_cast<float>(((q & 15) | fifth_bit(fifth, i)) - 16);
      out[i + 16] = d * static_cast<float>(((q >> 4) | fifth_bit(fifth, i + 16)) - 16);
    }
  }
}

void dequantize_q5_1(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 24, out += kBlock) {
    const float d = half_to_float(load_u16(in));
    const float m = half_to_float(load_u16(in + 2));
    const std::uint32_t fifth = load_u32(in + 4);
    for (std::int64_t i = 0; i < 16; ++i) {
      const int q = static_cast<int>(in[8 + i]);
      out[i] = d * static_cast<float>((q & 15) | fifth_bit(fifth, i)) + m;
      out[i + 16] = d * static_cast<float>((q >> 4) | fifth_bit(fifth, i + 16)) + m;
    }
  }
}

// infinity: the bits of it in the narrow type, which a finite value must not become.
template <class Convert>
std::vector<std::uint16_t> narrowed(std::span<const float> values, const std::string& tensor, const char* type,
                                    std::uint16_t infinity, const Convert& convert) {
  std::vector<std::uint16_t> out;
  out.reserve(values.size());
  for (const float value : values) {
    const std::uint16_t bits = convert(value);
    if (std::isfinite(value) && (bits & 0x7fffu) == infinity) {
      throw Error(Kind::Input, fmt::format("tensor \"{}\" holds {}, which does not fit into {}", tensor, value, type),
                  "export it as F32");
    }
    out.push_back(bits);
  }
  return out;
}

}  // namespace

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint32_t mantissa = half & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // zero or subnormal: exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to 65536 or more
  if (magnitude < 0x38800000u) {
    // Below 2^-14 the result is subnormal: adding 0.5 puts its 2^-24 steps into the last mantissa bits, rounded to
    // even.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

std::vector<std::uint16_t> to_halves(std::span<const float> values, const std::string& tensor) {
  return narrowed(values, tensor, "F16", 0x7c00u, float_to_half);
}

std::vector<std::uint16_t> to_bf16s(std::span<const float> values, const std::string& tensor) {
  return narrowed(values, tensor, "BF16", 0x7f80u, [](float value) { return from_float<bf16>(value).bits; });
}

void dequantize(GgmlType type, std::span<const std::byte> bytes, float* out, std::int64_t n) {
  const GgmlTypeInfo* info = find_type(static_cast<std::uint32_t>(type));
  require(info && info->supported && n % info->block_elements == 0,
          "dequantize() knows the type and gets whole blocks");
  const std::int64_t blocks = n / info->block_elements;
  require(static_cast<std::int64_t>(bytes.size()) == blocks * info->block_bytes, "bytes and elements agree");
  if (n == 0) return;  // an empty tensor may have no memory behind it
  const std::byte* in = bytes.data();
  switch (type) {
    case GgmlType::F32:
      std::memcpy(out, in, bytes.size());
      break;
    case GgmlType::F16:
      for (std::int64_t i = 0; i < n; ++i) out[i] = half_to_float(load_u16(in + 2 * i));
      break;
    case GgmlType::BF16:
      for (std::int64_t i = 0; i < n; ++i) {
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(load_u16(in + 2 * i)) << 16);
      }
      break;
    case GgmlType::Q8_0:
      dequantize_q8_0(in, out, blocks);
      break;
    case GgmlType::Q4_0:
      dequantize_q4_0(in, out, blocks);
      break;
    case GgmlType::Q4_1:
      dequantize_q4_1(in, out, blocks);
      break;
    case GgmlType::Q5_0:
      dequantize_q5_0(in, out, blocks);
      break;
    case GgmlType::Q5_1:
      dequantize_q5_1(in, out, blocks);
      break;
    case GgmlType::Q2_K:
      dequantize_q2_k(in, out, blocks);
      break;
    case GgmlType::Q3_K:
      dequantize_q3_k(in, out, blocks);
      break;
    case GgmlType::Q4_K:
      dequantize_q4_k(in, out, blocks);
      break;
    case GgmlType::Q5_K:
      dequantize_q5_k(in, out, blocks);
      break;
    case GgmlType::Q6_K:
      dequantize_q6_k(in, out, blocks);
      break;
  }
}

}  // namespace faqsmith
