// Rows of x in 8 bits: scale = largest magnitude of 32 columns / 127.
#include <bit>
#include <cmath>

#include "ops/cpu/quant_layout.h"
#include "sys/parallel.h"

namespace faqsmith::quant {
namespace {

struct ChunkAt {
  std::int8_t* codes;
  float* scale;
  std::int32_t* negated_sums;
  float* scaled_sums;
};

template <std::int64_t groups, class T>
KERNEL_INLINE void quantise_chunk(const T* __restrict x, const ChunkAt& to) {
  float values[kChunk];
  // Magnitudes are compared as integers, where infinity and NaN are the largest: the loop then vectorises.
  std::uint32_t largest_bits = 0;
  for (std::int64_t i = 0; i < kChunk; ++i) values[i] = load(x + i);
  for (std::int64_t i = 0; i < kChunk; ++i) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffu;
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  const float largest = std::bit_cast<float>(largest_bits);
  const bool finite = largest_bits < 0x7f800000u, usable = finite && largest > 1e-30f;  // less counts as 0
  const float inverse = usable ? 127.0f / largest : 0.0f;
  const float scale = usable ? largest / 127.0f : (finite ? 0.0f : std::bit_cast<float>(0x7fc00000u));
  const std::uint32_t keep = finite ? 0xffffffffu : 0u;  // what is no number has no code
  std::int32_t codes[kChunk];
  for (std::int64_t i = 0; i < kChunk; ++i) {
    const float value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(values[i]) & keep);
    codes[i] = static_cast<std::int32_t>(std::nearbyint(value * inverse));  // within 127: the largest becomes that
    to.codes[i] = static_cast<std::int8_t>(codes[i]);
  }
  *to.scale = scale;
  constexpr std::int64_t size = kChunk / groups;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < size; ++i) sum += codes[g * size + i];
    to.negated_sums[g] = -sum;
    to.scaled_sums[g] = scale * static_cast<float>(sum);
  }
}

}  // namespace

template <class T>
void quantise(In<T> x, int groups, Activations& out) {
  const std::int64_t m = x.shape[0], width = x.shape[1], chunks = width / kChunk, n = m * chunks;
  out.rows = m;
  out.chunks = chunks;
  out.groups = groups;
  reserve(out.codes, n * kChunk);
  reserve(out.scales, n);
  reserve(out.negated_sums, n * groups);
  reserve(out.scaled_sums, n * groups);
  const ChunkAt base{out.codes.data(), out.scales.data(), out.negated_sums.data(), out.scaled_sums.data()};
  const std::int64_t n_groups = groups;
  parallel_for(m, [=](std::int64_t begin, std::int64_t end) {
    with_best_isa([=](auto) KERNEL_LAMBDA {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t first = row / kGroupRows * kGroupRows;
        const std::int64_t in_group = m - first < kGroupRows ? m - first : kGroupRows;
        for (std::int64_t c = 0; c < chunks; ++c) {
          const std::int64_t at = first * chunks + c * in_group + row - first;
          const ChunkAt to{base.codes + at * kChunk, base.scale + at, base.negated_sums + at * n_groups,
                           base.scaled_sums + at * n_groups};
          const T* const from = x.data + row * width + c * kChunk;
          n_groups == 1 ? quantise_chunk<1>(from, to) : quantise_chunk<2>(from, to);
        }
      }
    });
  });
}
template void quantise(In<float>, int, Activations&);
template void quantise(In<bf16>, int, Activations&);

}  // namespace faqsmith::quant
