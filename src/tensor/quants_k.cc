// One pass a super-block, in the element order of the file. Scalar on purpose, like quants.cc: no fused multiply-add
// may change a bit.
#include "tensor/quants_k.h"

#include <array>
#include <cstring>

#include "tensor/quants.h"

namespace faqsmith {
namespace {

int byte_at(const std::byte* p, std::int64_t i) {
  return static_cast<int>(p[i]);
}

float half_at(const std::byte* p) {
  std::uint16_t half = 0;
  std::memcpy(&half, p, sizeof half);
  return half_to_float(half);
}

struct ScaleAndMin {
  int scale, min;  // 6 bits each
};

// Q4_K and Q5_K keep eight scales and eight minima of 6 bits in 12 bytes: the low six bits of the first four of each,
// then the low nibbles of the last four, whose high two bits sit above the first ones.
ScaleAndMin scale_and_min(const std::byte* packed, int sub_block) {
  if (sub_block < 4) return {byte_at(packed, sub_block) & 63, byte_at(packed, sub_block + 4) & 63};
  const int both = byte_at(packed, sub_block + 4);
  const int scale_top = byte_at(packed, sub_block - 4) >> 6;
  const int min_top = byte_at(packed, sub_block) >> 6;
  return {(both & 15) | (scale_top << 4), (both >> 4) | (min_top << 4)};
}

// Q3_K keeps sixteen scales of 6 bits, biased by 32, in 12 bytes: nibbles in the first eight, the high two bits of
// four scales in each of the last four.
std::array<int, 16> q3_scales(const std::byte* packed) {
  std::array<int, 16> scales{};
  for (int i = 0; i < 16; ++i) {
    const int low = i < 8 ? byte_at(packed, i) & 15 : byte_at(packed, i - 8) >> 4;
    const int high = (byte_at(packed, 8 + i % 4) >> (2 * (i / 4))) & 3;
    scales[static_cast<std::size_t>(i)] = (low | (high << 4)) - 32;
  }
  return scales;
}

}  // namespace

// 16 bytes of scales (low nibble) and minima (high nibble), 64 bytes of 2-bit values, d and dmin.
void dequantize_q2_k(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 84, out += kSuperBlock) {
    const std::byte* values = in + 16;
    const float d = half_at(in + 80), dmin = half_at(in + 82);
    for (int sub = 0; sub < 16; ++sub) {
      const int packed = byte_at(in, sub);
      const float scale = d * static_cast<float>(packed & 15);
      const float min = dmin * static_cast<float>(packed >> 4);
      // Sub-blocks of 16 take two bits of 32 bytes in turn: two a shift, eight a half of the super-block.
      const std::byte* q = values + sub / 8 * 32 + sub % 2 * 16;
      const int shift = sub % 8 / 2 * 2;
      for (int i = 0; i < 16; ++i) out[sub * 16 + i] = scale * static_cast<float>((byte_at(q, i) >> shift) & 3) - min;
    }
  }
}

// 32 bytes of high bits (clear = subtract 4), 64 bytes of 2-bit values, 12 bytes of scales, d.
void dequantize_q3_k(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 110, out += kSuperBlock) {
    const float d = half_at(in + 108);
    const auto scales = q3_scales(in + 96);
    for (int sub = 0; sub < 16; ++sub) {
      const float scale = d * static_cast<float>(scales[static_cast<std::size_t>(sub)]);
      const std::byte* high = in + sub % 2 * 16;
      const std::byte* q = in + 32 + sub / 8 * 32 + sub % 2 * 16;
      const int shift = sub % 8 / 2 * 2, high_bit = sub / 2;
      for (int i = 0; i < 16; ++i) {
        const int low = (byte_at(q, i) >> shift) & 3;
        const int value = low - ((byte_at(high, i) >> high_bit) & 1 ? 0 : 4);
        out[sub * 16 + i] = scale * static_cast<float>(value);
      }
    }
  }
}

// d, dmin, 12 bytes of scales and minima, 128 bytes of 4-bit values.
void dequantize_q4_k(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 144, out += kSuperBlock) {
    const float d = half_at(in), dmin = half_at(in + 2);
    for (int sub = 0; sub < 8; ++sub) {
      const ScaleAndMin packed = scale_and_min(in + 4, sub);
      const float scale = d * static_cast<float>(packed.scale), min = dmin * static_cast<float>(packed.min);
      const std::byte* q = in + 16 + sub / 2 * 32;
      const int shift = sub % 2 * 4;
      for (int i = 0; i < 32; ++i) out[sub * 32 + i] = scale * static_cast<float>((byte_at(q, i) >> shift) & 15) - min;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits before the 4-bit values.
void dequantize_q5_k(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 176, out += kSuperBlock) {
    const float d = half_at(in), dmin = half_at(in + 2);
    const std::byte* high = in + 16;
    for (int sub = 0; sub < 8; ++sub) {
      const ScaleAndMin packed = scale_and_min(in + 4, sub);
      const float scale = d * static_cast<float>(packed.scale), min = dmin * static_cast<float>(packed.min);
      const std::byte* q = in + 48 + sub / 2 * 32;
      const int shift = sub % 2 * 4;
      for (int i = 0; i < 32; ++i) {
        const int value = ((byte_at(q, i) >> shift) & 15) | (((byte_at(high, i) >> sub) & 1) << 4);
        out[sub * 32 + i] = scale * static_cast<float>(value) - min;
      }
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, d. Each half of the super-block: 32 values of
// the low nibbles of 32 bytes, 32 of the next 32 bytes, then the high nibbles of both.
void dequantize_q6_k(const std::byte* in, float* out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 210, out += kSuperBlock) {
    const std::byte* scales = in + 192;
    const float d = half_at(in + 208);
    for (int part = 0; part < 8; ++part) {  // 32 values each
      const int half = part / 4, quarter = part % 4;
      const std::byte* low = in + half * 64 + quarter % 2 * 32;
      const std::byte* high = in + 128 + half * 32;
      for (int i = 0; i < 32; ++i) {
        const int nibble = (byte_at(low, i) >> (quarter / 2 * 4)) & 15;
        const int value = (nibble | (((byte_at(high, i) >> (2 * quarter)) & 3) << 4)) - 32;
        const float scale = d * static_cast<float>(static_cast<std::int8_t>(scales[part * 2 + i / 16]));
        out[part * 32 + i] = scale * static_cast<float>(value);
      }
    }
  }
}

}  // namespace faqsmith
