// ggml's blocks, one function a family.
#include "ops/cpu/quant_source.h"

#include <cstring>

#include "base/error.h"
#include "ops/cpu/quant_layout.h"

namespace faqsmith::quant {
namespace {

std::uint8_t byte_at(const std::byte* p, std::int64_t i) {
  return static_cast<std::uint8_t>(p[i]);
}

std::uint16_t u16_at(const std::byte* p) {
  std::uint16_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// n bytes' low halves are elements 0 .. n-1, the high halves n .. 2n-1.
void split_nibbles(const std::byte* in, std::int64_t n, std::uint8_t* codes) {
  for (std::int64_t i = 0; i < n; ++i) {
    codes[i] = static_cast<std::uint8_t>(byte_at(in, i) & 15);
    codes[i + n] = static_cast<std::uint8_t>(byte_at(in, i) >> 4);
  }
}

// Fifth bits of 32 elements, element 0 lowest.
void add_fifth_bits(const std::byte* in, std::uint8_t* codes) {
  for (std::int64_t i = 0; i < 32; ++i)
    codes[i] = static_cast<std::uint8_t>(codes[i] | ((byte_at(in, i / 8) >> (i % 8)) & 1) << 4);
}

// Q4_K's and Q5_K's eight scales and minima of 6 bits in 12 bytes (quants_k.cc tells how).
void six_bit_scales(const std::byte* in, SourceBlock& out) {
  for (std::int64_t i = 0; i < 8; ++i) {
    const int own = byte_at(in, i), both = byte_at(in, i + 4);
    if (i < 4) {
      out.scales[i] = static_cast<std::uint8_t>(own & 63);
      out.mins[i] = static_cast<std::uint8_t>(both & 63);
    } else {
      out.scales[i] = static_cast<std::uint8_t>((both & 15) | byte_at(in, i - 4) >> 6 << 4);
      out.mins[i] = static_cast<std::uint8_t>(both >> 4 | own >> 6 << 4);
    }
  }
}

void take_apart_q2_k(const std::byte* in, SourceBlock& out) {
  std::memcpy(out.scales, in, 16);
  out.d = u16_at(in + 80);
  out.dmin = u16_at(in + 82);
  for (std::int64_t i = 0; i < 256; ++i) {
    const std::int64_t half = i / 128, shift = i % 128 / 32 * 2;
    out.codes[i] = static_cast<std::uint8_t>((byte_at(in, 16 + half * 32 + i % 32) >> shift) & 3);
  }
}

void take_apart_q3_k(const std::byte* in, SourceBlock& out) {
  out.d = u16_at(in + 108);
  for (std::int64_t i = 0; i < 16; ++i) {
    const int low = i < 8 ? byte_at(in, 96 + i) & 15 : byte_at(in, 96 + i - 8) >> 4;
    const int high = (byte_at(in, 104 + i % 4) >> (2 * (i / 4))) & 3;
    out.scales[i] = static_cast<std::uint8_t>((low | high << 4) - 32);
  }
  for (std::int64_t i = 0; i < 256; ++i) {
    const std::int64_t half = i / 128, shift = i % 128 / 32 * 2;
    const int low = (byte_at(in, 32 + half * 32 + i % 32) >> shift) & 3;
    const int high = (byte_at(in, i % 32) >> (i / 32)) & 1;
    out.codes[i] = static_cast<std::uint8_t>(low | high << 2);
  }
}

void take_apart_q45_k(const std::byte* in, bool five_bits, SourceBlock& out) {
  out.d = u16_at(in);
  out.dmin = u16_at(in + 2);
  six_bit_scales(in + 4, out);
  const std::byte* const values = in + (five_bits ? 48 : 16);
  for (std::int64_t pair = 0; pair < 4; ++pair) split_nibbles(values + pair * 32, 32, out.codes + pair * 64);
  if (!five_bits) return;
  for (std::int64_t i = 0; i < 256; ++i)
    out.codes[i] = static_cast<std::uint8_t>(out.codes[i] | ((byte_at(in, 16 + i % 32) >> (i / 32)) & 1) << 4);
}

void take_apart_q6_k(const std::byte* in, SourceBlock& out) {
  std::memcpy(out.scales, in + 192, 16);
  out.d = u16_at(in + 208);
  for (std::int64_t i = 0; i < 256; ++i) {
    const std::int64_t half = i / 128, quarter = i % 128 / 32, at = i % 32;
    const int nibble = (byte_at(in, half * 64 + quarter % 2 * 32 + at) >> (quarter / 2 * 4)) & 15;
    const int high = (byte_at(in, 128 + half * 32 + at) >> (2 * quarter)) & 3;
    out.codes[i] = static_cast<std::uint8_t>(nibble | high << 4);
  }
}

}  // namespace

void take_apart(GgmlType type, const std::byte* in, SourceBlock& out) {
  switch (type) {
    case GgmlType::Q8_0:
      out.d = u16_at(in);
      for (std::int64_t i = 0; i < 32; ++i) out.codes[i] = static_cast<std::uint8_t>(byte_at(in, 2 + i) ^ 0x80);
      return;
    case GgmlType::Q4_0:
      out.d = u16_at(in);
      return split_nibbles(in + 2, 16, out.codes);
    case GgmlType::Q4_1:
      out.d = u16_at(in);
      out.dmin = u16_at(in + 2);
      return split_nibbles(in + 4, 16, out.codes);
    case GgmlType::Q5_0:
      out.d = u16_at(in);
      split_nibbles(in + 6, 16, out.codes);
      return add_fifth_bits(in + 2, out.codes);
    case GgmlType::Q5_1:
      out.d = u16_at(in);
      out.dmin = u16_at(in + 2);
      split_nibbles(in + 8, 16, out.codes);
      return add_fifth_bits(in + 4, out.codes);
    case GgmlType::Q2_K:
      return take_apart_q2_k(in, out);
    case GgmlType::Q3_K:
      return take_apart_q3_k(in, out);
    case GgmlType::Q4_K:
      return take_apart_q45_k(in, false, out);
    case GgmlType::Q5_K:
      return take_apart_q45_k(in, true, out);
    case GgmlType::Q6_K:
      return take_apart_q6_k(in, out);
    default:
      require(false, "a type of blocks");
  }
}

}  // namespace faqsmith::quant
