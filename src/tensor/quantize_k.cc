// A search for the scales that make the squared error of a super-block small, in three steps:
// 1. Each sub-block alone: for a range of step sizes the values are rounded to levels, the best scale (and minimum) for
//    these levels is solved for by least squares, and the pair with the least error is kept.
// 2. The scales become small integers times one half-precision factor. Rounding them can be undone in part: of each
//    integer and its neighbours those are taken that give the least error when the values are rounded again.
// 3. With all integers fixed the factors themselves are solved for by least squares, and step 2 is done again, as long
// as
//    that lowers the error.
// Sums run in the order of the values, without fused multiply-add, so that every machine finds the same bytes.
#include "tensor/quantize_k.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tensor/quants.h"
#include "tensor/quants_k.h"

// AVX2 without FMA: the same additions and products as plain code, four times as fast.
#define FAQSMITH_CLONES __attribute__((target_clones("avx2", "default")))

namespace faqsmith {
namespace {

constexpr int kRefinements = 3;  // more of them hardly lower the error

void store_half(std::uint16_t half, std::byte* out) {
  std::memcpy(out, &half, sizeof half);
}

// ---- Q4_K: 8 sub-blocks of 32, value = d·scale·level − dmin·min, level 0..15, scale and min 0..63.
constexpr int kSub4 = 32, kSubs4 = 8, kLevels4 = 15, kScales4 = 63;

struct Affine {
  float scale = 0, min = 0;  // value = scale · level − min
};

// What the levels of a sub-block have in sums.
struct Sums {
  float l = 0, ll = 0, lx = 0;  // of levels, their squares, level · value
};

// Rounds (x + offset) · inverse to levels 0..15. No number (of a scale that overflows, which is refused in the end)
// becomes the lowest level: std::max returns its first argument then.
FAQSMITH_CLONES void round_levels4(const float* x, float offset, float inverse, int* levels) {
  for (int i = 0; i < kSub4; ++i) {
    const float level = std::min(std::max(0.0f, (x[i] + offset) * inverse), static_cast<float>(kLevels4));
    levels[i] = static_cast<int>(level + 0.5f);
  }
}

FAQSMITH_CLONES float squared_error4(const float* x, const int* levels, float scale, float min) {
  std::array<float, 8> parts{};  // a fixed order of additions that suits vectors
  for (int i = 0; i < kSub4; i += 8) {
    for (int j = 0; j < 8; ++j) {
      const float difference = scale * static_cast<float>(levels[i + j]) - min - x[i + j];
      parts[static_cast<std::size_t>(j)] += difference * difference;
    }
  }
  return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

Sums sums_of(const float* x, const int* levels, int n) {
  Sums sums;
  int l = 0, ll = 0;
  for (int i = 0; i < n; ++i) {
    l += levels[i];
    ll += levels[i] * levels[i];
    sums.lx += static_cast<float>(levels[i]) * x[i];
  }
  sums.l = static_cast<float>(l);
  sums.ll = static_cast<float>(ll);
  return sums;
}

// The scale and minimum, neither negative, that fit these levels best.
Affine solve_affine(const float* x, const int* levels, float sum_x) {
  const Sums sums = sums_of(x, levels, kSub4);
  const float n = kSub4, determinant = n * sums.ll - sums.l * sums.l;
  Affine out;
  if (determinant > 0) {
    out.scale = (n * sums.lx - sums.l * sum_x) / determinant;
    out.min = (sums.l * out.scale - sum_x) / n;
  }
  if (determinant <= 0 || out.min < 0) out = {sums.ll > 0 ? sums.lx / sums.ll : 0.0f, 0.0f};
  if (out.scale < 0) out.scale = 0;
  return out;
}

Affine fit_sub_block4(const float* x) {
  const auto [lowest, highest] = std::minmax_element(x, x + kSub4);
  const float least = std::min(*lowest, 0.0f), range = *highest - least;
  float sum_x = 0;
  for (int i = 0; i < kSub4; ++i) sum_x += x[i];
  if (!(range > 0)) return {0.0f, -least};
  Affine best{range / kLevels4, -least};
  float best_error = INFINITY;
  std::array<int, kSub4> levels{};
  const auto consider = [&](Affine candidate) {
    if (!(candidate.scale > 0)) return;
    round_levels4(x, candidate.min, 1.0f / candidate.scale, levels.data());
    const Affine solved = solve_affine(x, levels.data(), sum_x);
    const float error = squared_error4(x, levels.data(), solved.scale, solved.min);
    if (error < best_error) {
      best_error = error;
      best = solved;
    }
  };
  // From steps that leave the largest values outside to steps that leave levels unused.
  for (int k = -10; k <= 10; ++k) consider({range / (kLevels4 + 0.1f * static_cast<float>(k)), -least});
  for (int k = 0; k < 2; ++k) consider(best);
  return best;
}

struct Block4 {
  std::uint16_t d = 0, dmin = 0;  // half precision
  std::array<int, kSubs4> scales{}, mins{};
  std::array<int, kSuperBlock> levels{};
  float error = INFINITY;
};

// The best integers near scale/d and min/dmin, and the levels that belong to them.
void choose_integers4(const float* x, const Affine& wanted, int sub, Block4& block) {
  const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
  const int scale0 = d > 0 ? static_cast<int>(std::lround(wanted.scale / d)) : 0;
  const int min0 = dmin > 0 ? static_cast<int>(std::lround(wanted.min / dmin)) : 0;
  float best_error = INFINITY;
  std::array<int, kSub4> levels{};
  for (int s = std::max(0, scale0 - 1); s <= std::min(kScales4, scale0 + 1); ++s) {
    const float scale = d * static_cast<float>(s);
    for (int m = std::max(0, min0 - 1); m <= std::min(kScales4, min0 + 1); ++m) {
      const float min = dmin * static_cast<float>(m);
      if (scale > 0) {
        round_levels4(x, min, 1.0f / scale, levels.data());
      } else {
        levels.fill(0);
      }
      const float error = squared_error4(x, levels.data(), scale, min);
      if (!(error < best_error)) continue;
      best_error = error;
      block.scales[static_cast<std::size_t>(sub)] = s;
      block.mins[static_cast<std::size_t>(sub)] = m;
      std::copy(levels.begin(), levels.end(), block.levels.begin() + sub * kSub4);
    }
  }
  block.error += best_error;
}

Block4 round_block4(const float* x, const std::array<Affine, kSubs4>& wanted, float d, float dmin) {
  Block4 block;
  block.d = float_to_half(d);
  block.dmin = float_to_half(dmin);
  block.error = 0;
  for (int sub = 0; sub < kSubs4; ++sub)
    choose_integers4(x + sub * kSub4, wanted[static_cast<std::size_t>(sub)], sub, block);
  return block;
}

// d and dmin for which value = d·u − dmin·v fits best, u = scale·level and v = min of each value. false: none positive.
bool solve_factors4(const float* x, const Block4& block, float& d, float& dmin) {
  double uu = 0, uv = 0, vv = 0, ux = 0, vx = 0;
  for (int i = 0; i < kSuperBlock; ++i) {
    const auto sub = static_cast<std::size_t>(i / kSub4);
    const double u = block.scales[sub] * block.levels[static_cast<std::size_t>(i)], v = block.mins[sub];
    uu += u * u;
    uv += u * v;
    vv += v * v;
    ux += u * static_cast<double>(x[i]);
    vx += v * static_cast<double>(x[i]);
  }
  const double determinant = uu * vv - uv * uv;
  double new_d = uu > 0 ? ux / uu : 0, new_dmin = 0;
  if (determinant > 1e-9 * uu * vv) {
    new_d = (ux * vv - vx * uv) / determinant;
    new_dmin = (ux * uv - vx * uu) / determinant;
  }
  if (!(new_d > 0) || new_dmin < 0) return false;
  d = static_cast<float>(new_d);
  dmin = static_cast<float>(new_dmin);
  return true;
}

void pack4(const Block4& block, std::byte* out) {
  store_half(block.d, out);
  store_half(block.dmin, out + 2);
  // Six bits each: of the first four scales and minima in a byte of their own, whose upper two bits hold those of the
  // last four; the lower four bits of the last four stand together.
  std::array<int, 12> packed{};
  for (std::size_t j = 0; j < 4; ++j) {
    packed[j] = block.scales[j] | (block.scales[j + 4] >> 4) << 6;
    packed[j + 4] = block.mins[j] | (block.mins[j + 4] >> 4) << 6;
    packed[j + 8] = (block.scales[j + 4] & 15) | (block.mins[j + 4] & 15) << 4;
  }
  std::transform(packed.begin(), packed.end(), out + 4, [](int value) { return static_cast<std::byte>(value); });
  for (std::size_t i = 0; i < kSuperBlock / 2; ++i) {  // 64 values make 32 bytes: low nibbles first, then high ones
    const std::size_t at = i / kSub4 * 64 + i % kSub4;
    out[16 + i] = static_cast<std::byte>(block.levels[at] | block.levels[at + kSub4] << 4);
  }
}

// ---- Q6_K: 16 sub-blocks of 16, value = d·scale·(level − 32), level 0..63, scale −128..127.
constexpr int kSub6 = 16, kSubs6 = 16, kHalf6 = 32;

FAQSMITH_CLONES void round_levels6(const float* x, float inverse, int* levels) {
  for (int i = 0; i < kSub6; ++i) {
    // From 0 upwards truncation rounds: shifted by the lowest level, and back. No number: as round_levels4.
    const float shifted = std::min(std::max(0.0f, x[i] * inverse + kHalf6), 2.0f * kHalf6 - 1);
    levels[i] = static_cast<int>(shifted + 0.5f) - kHalf6;
  }
}

FAQSMITH_CLONES float squared_error6(const float* x, const int* levels, float scale) {
  std::array<float, 8> parts{};
  for (int i = 0; i < kSub6; i += 8) {
    for (int j = 0; j < 8; ++j) {
      const float difference = scale * static_cast<float>(levels[i + j]) - x[i + j];
      parts[static_cast<std::size_t>(j)] += difference * difference;
    }
  }
  return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

float fit_sub_block6(const float* x) {
  const float extreme = *std::max_element(x, x + kSub6, [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (extreme == 0) return 0;
  float best = extreme / -kHalf6, best_error = INFINITY;
  std::array<int, kSub6> levels{};
  for (int k = -9; k <= 9; ++k) {
    const float inverse = -(kHalf6 + 0.1f * static_cast<float>(k)) / extreme;
    if (!std::isfinite(inverse)) return 0;
    round_levels6(x, inverse, levels.data());
    const Sums sums = sums_of(x, levels.data(), kSub6);
    if (sums.ll == 0) continue;
    const float scale = sums.lx / sums.ll, error = squared_error6(x, levels.data(), scale);
    if (!(error < best_error)) continue;
    best_error = error;
    best = scale;
  }
  return best;
}

struct Block6 {
  std::uint16_t d = 0;  // half precision
  std::array<int, kSubs6> scales{};
  std::array<int, kSuperBlock> levels{};  // −32..31
  float error = INFINITY;
};

Block6 round_block6(const float* x, const std::array<float, kSubs6>& wanted, float d_wanted) {
  Block6 block;
  block.d = float_to_half(d_wanted);
  block.error = 0;
  const float d = half_to_float(block.d);
  std::array<int, kSub6> levels{};
  for (int sub = 0; sub < kSubs6; ++sub) {
    const auto at = static_cast<std::size_t>(sub);
    const int middle = d != 0 ? static_cast<int>(std::lround(wanted[at] / d)) : 0;
    float best_error = INFINITY;
    for (int s = std::max(-128, middle - 1); s <= std::min(127, middle + 1); ++s) {
      const float scale = d * static_cast<float>(s);
      if (scale != 0) {
        round_levels6(x + sub * kSub6, 1.0f / scale, levels.data());
      } else {
        levels.fill(0);
      }
      const float error = squared_error6(x + sub * kSub6, levels.data(), scale);
      if (!(error < best_error)) continue;
      best_error = error;
      block.scales[at] = s;
      std::copy(levels.begin(), levels.end(), block.levels.begin() + sub * kSub6);
    }
    block.error += best_error;
  }
  return block;
}

// d for which value = d·u fits best, u = scale·level of each value; 0 if there is none.
float solve_factor6(const float* x, const Block6& block) {
  double uu = 0, ux = 0;
  for (int i = 0; i < kSuperBlock; ++i) {
    const double u = block.scales[static_cast<std::size_t>(i / kSub6)] * block.levels[static_cast<std::size_t>(i)];
    uu += u * u;
    ux += u * static_cast<double>(x[i]);
  }
  return uu > 0 ? static_cast<float>(ux / uu) : 0.0f;
}

void pack6(const Block6& block, std::byte* out) {
  std::memset(out, 0, 192);
  for (std::size_t i = 0; i < kSuperBlock; ++i) {
    // Each half of the super-block: 32 values in the low nibbles of 32 bytes, 32 in those of the next 32 bytes, then
    // the high nibbles of both; the upper two bits of the four share a byte.
    const std::size_t half = i / 128, quarter = i % 128 / 32, lane = i % 32;
    const int level = block.levels[i] + kHalf6;
    out[half * 64 + quarter % 2 * 32 + lane] |= static_cast<std::byte>((level & 15) << (quarter / 2 * 4));
    out[128 + half * 32 + lane] |= static_cast<std::byte>((level >> 4) << (2 * quarter));
  }
  for (std::size_t sub = 0; sub < kSubs6; ++sub) out[192 + sub] = static_cast<std::byte>(block.scales[sub]);
  store_half(block.d, out + 208);
}

}  // namespace

void quantize_block_q4_k(const float* x, std::byte* out) {
  std::array<Affine, kSubs4> wanted;
  float max_scale = 0, max_min = 0;
  for (int sub = 0; sub < kSubs4; ++sub) {
    const Affine fit = fit_sub_block4(x + sub * kSub4);
    wanted[static_cast<std::size_t>(sub)] = fit;
    max_scale = std::max(max_scale, fit.scale);
    max_min = std::max(max_min, fit.min);
  }
  float d = max_scale / kScales4, dmin = max_min / kScales4;
  Block4 best = round_block4(x, wanted, d, dmin);
  for (int k = 0; k < kRefinements && solve_factors4(x, best, d, dmin); ++k) {
    const Block4 next = round_block4(x, wanted, d, dmin);
    if (!(next.error < best.error)) break;
    best = next;
  }
  pack4(best, out);
}

void quantize_block_q6_k(const float* x, std::byte* out) {
  std::array<float, kSubs6> wanted{};
  float extreme = 0;
  for (int sub = 0; sub < kSubs6; ++sub) {
    const float scale = fit_sub_block6(x + sub * kSub6);
    wanted[static_cast<std::size_t>(sub)] = scale;
    if (std::abs(scale) > std::abs(extreme)) extreme = scale;
  }
  Block6 best = round_block6(x, wanted, extreme / -128.0f);
  for (int k = 0; k < kRefinements; ++k) {
    const Block6 next = round_block6(x, wanted, solve_factor6(x, best));
    if (!(next.error < best.error)) break;
    best = next;
  }
  pack6(best, out);
}

}  // namespace faqsmith
