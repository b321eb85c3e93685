// Two passes: values with their own absmax, then the absmax.
#include "tensor/nf4.h"

#include <algorithm>
#include <cmath>

#include "sys/parallel.h"

// Loops that the compiler turns into vector instructions, one version for each instruction set; all give the same bits.
#if defined(__x86_64__) && !defined(FAQSMITH_SANITIZED)
#define FAQSMITH_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FAQSMITH_CLONES
#endif

namespace faqsmith {
namespace {

std::int64_t ceil_div(std::int64_t n, std::int64_t by) {
  return (n + by - 1) / by;
}

// For exponents 0 .. 6 of ten, 2^i fractions between 0.1 and 1, with either sign; 0 and 1.
std::array<float, 256> make_absmax_steps() {
  constexpr int kExponents = 7;
  std::array<float, 256> steps{};
  std::size_t n = 0;
  for (int i = 0; i < kExponents; ++i) {
    const int fractions = 1 << i;
    const double unit = std::pow(10.0, i - (kExponents - 1));
    for (int f = 0; f < fractions; ++f) {
      const double middle = 0.1 + 0.9 * (f + 0.5) / fractions;
      steps[n++] = static_cast<float>(unit * middle);
      steps[n++] = static_cast<float>(-unit * middle);
    }
  }
  steps[n++] = 0.0f;
  steps[n++] = 1.0f;
  std::sort(steps.begin(), steps.end());
  return steps;
}

template <std::size_t n>
constexpr std::array<float, n - 1> middles(const std::array<float, n>& values) {
  std::array<float, n - 1> out{};
  for (std::size_t i = 0; i + 1 < n; ++i)
    out[i] = static_cast<float>(0.5 * (static_cast<double>(values[i]) + static_cast<double>(values[i + 1])));
  return out;
}

constexpr std::array<float, 16> kLevels = {-1.0f,
                                           -0.6961928009986877f,
                                           -0.5250730514526367f,
                                           -0.39491748809814453f,
                                           -0.28444138169288635f,
                                           -0.18477343022823334f,
                                           -0.09105003625154495f,
                                           0.0f,
                                           0.07958029955625534f,
                                           0.16093020141124725f,
                                           0.24611230194568634f,
                                           0.33791524171829224f,
                                           0.44070982933044434f,
                                           0.5626170039176941f,
                                           0.7229568362236023f,
                                           1.0f};
constexpr auto kBetweenLevels = middles(kLevels);

float largest_magnitude(const float* values, std::int64_t n) {
  float largest = 0;
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(values[i]));
  return largest;
}

// What a block's values, or the rest of its absmax, are multiplied by before they are compared with levels.
float inverse_of(float largest) {
  return largest > 0 ? 1.0f / largest : 0.0f;
}

std::array<float, 16> scaled_levels(float absmax) {
  std::array<float, 16> scaled{};
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] = kLevels[i] * absmax;
  return scaled;
}

// Calls visit(index of the block's first value, values, how many) for every block, from all cores.
template <class Visit>
void for_each_block(const RowSource& source, const Visit& visit) {
  const Shape& shape = source.shape();
  require(shape.rank == 2, "an NF4 matrix is [rows, columns]");
  const std::int64_t columns = shape[1], all = shape.size();
  // 64 rows hold whole blocks, whatever the number of columns.
  parallel_for(ceil_div(shape[0], kNf4Block), [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values(static_cast<std::size_t>(kNf4Block * columns));
    for (std::int64_t strip = begin; strip < end; ++strip) {
      const std::int64_t row = strip * kNf4Block, n_rows = std::min(kNf4Block, shape[0] - row);
      source.decode_rows(row, n_rows, values.data());
      for (std::int64_t at = row * columns; at < (row + n_rows) * columns; at += kNf4Block)
        visit(at, values.data() + (at - row * columns), std::min(kNf4Block, all - at));
    }
  });
}

// nearest_nf4_level() of n values, at most a block, all at once; returns their largest magnitude.
FAQSMITH_CLONES float find_codes(const float* values, std::int64_t n, std::uint8_t* codes) {
  std::array<float, kNf4Block> padded{};
  std::copy_n(values, n, padded.begin());
  std::array<float, 16> lanes{};  // a maximum alone would wait for the one before it
  for (std::size_t i = 0; i < padded.size(); i += lanes.size()) {
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const float magnitude = std::abs(padded[i + lane]);
      lanes[lane] = lanes[lane] < magnitude ? magnitude : lanes[lane];
    }
  }
  const float largest = *std::max_element(lanes.begin(), lanes.end()), inverse = inverse_of(largest);
  std::array<std::int32_t, kNf4Block> found{};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const float relative = padded[i] * inverse;
    std::int32_t code = 0;
    for (const float middle : kBetweenLevels) code += relative > middle ? 1 : 0;
    found[i] = code;
  }
  for (std::int64_t i = 0; i < n; ++i) codes[i] = static_cast<std::uint8_t>(found[static_cast<std::size_t>(i)]);
  return largest;
}

}  // namespace

const std::array<float, 16>& nf4_levels() {
  return kLevels;
}

const std::array<float, 256>& nf4_absmax_steps() {
  static const std::array<float, 256> steps = make_absmax_steps();
  return steps;
}

std::uint8_t nearest_nf4_level(float value) {
  std::uint8_t code = 0;
  for (const float middle : kBetweenLevels) code = static_cast<std::uint8_t>(code + (value > middle ? 1 : 0));
  return code;
}

std::uint8_t nearest_nf4_absmax_step(float value) {
  static const auto between = middles(nf4_absmax_steps());
  return static_cast<std::uint8_t>(std::lower_bound(between.begin(), between.end(), value) - between.begin());
}

Nf4Absmax::Nf4Absmax(const Buffer<float>& absmax)
    : steps_({absmax.size()}), scales_({ceil_div(absmax.size(), kNf4ScaleBlock)}) {
  double sum = 0;
  for (std::int64_t b = 0; b < absmax.size(); ++b) sum += static_cast<double>(absmax[b]);
  offset_ = static_cast<float>(sum / static_cast<double>(absmax.size()));
  for (std::int64_t first = 0; first < absmax.size(); first += kNf4ScaleBlock) {
    const std::int64_t last = std::min(first + kNf4ScaleBlock, absmax.size());
    float largest = 0;
    for (std::int64_t b = first; b < last; ++b) largest = std::max(largest, std::abs(absmax[b] - offset_));
    scales_[first / kNf4ScaleBlock] = largest;
    const float inverse = inverse_of(largest);
    for (std::int64_t b = first; b < last; ++b) steps_[b] = nearest_nf4_absmax_step((absmax[b] - offset_) * inverse);
  }
}

float Nf4Absmax::operator[](std::int64_t block) const {
  return nf4_absmax_steps()[steps_[block]] * scales_[block / kNf4ScaleBlock] + offset_;
}

std::uint64_t Nf4Absmax::forecast_bytes(std::int64_t n_blocks) {
  return static_cast<std::uint64_t>(n_blocks) +
         sizeof(float) * static_cast<std::uint64_t>(ceil_div(n_blocks, kNf4ScaleBlock));
}

Nf4Matrix::Nf4Matrix(const RowSource& source) : shape_(source.shape()), codes_({ceil_div(shape_.size(), 2)}) {
  Buffer<float> absmax({ceil_div(shape_.size(), kNf4Block)});
  for_each_block(source, [&](std::int64_t at, const float* block, std::int64_t n) {
    std::array<std::uint8_t, kNf4Block> codes{};  // an odd end has a 0 behind it
    absmax[at / kNf4Block] = find_codes(block, n, codes.data());
    for (std::int64_t i = 0; i < n; i += 2) {
      const auto pair = codes.begin() + i;
      codes_[(at + i) / 2] = static_cast<std::uint8_t>(pair[0] << 4 | pair[1]);
    }
  });
  absmax_ = Nf4Absmax(absmax);
}

void Nf4Matrix::decode_rows(std::int64_t first, std::int64_t n, float* out) const {
  const std::int64_t begin = first * shape_[1], end = (first + n) * shape_[1];
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t block = at / kNf4Block, stop = std::min(end, (block + 1) * kNf4Block);
    const std::array<float, 16> scaled = scaled_levels(absmax_[block]);
    if (at % 2 == 1) *out++ = scaled[codes_[at++ / 2] & 15];
    const std::uint8_t* codes = codes_.data() + at / 2;
    for (; at + 1 < stop; at += 2, out += 2, ++codes) {
      out[0] = scaled[*codes >> 4];
      out[1] = scaled[*codes & 15];
    }
    if (at < stop) {
      *out++ = scaled[*codes >> 4];
      ++at;
    }
  }
}

std::uint64_t Nf4Matrix::forecast_bytes(const Shape& shape) {
  return static_cast<std::uint64_t>(ceil_div(shape.size(), 2)) +
         Nf4Absmax::forecast_bytes(ceil_div(shape.size(), kNf4Block));
}

bool Nf4Rounding::fits(const Shape& shape) {
  return shape.rank == 2 && shape[1] % kNf4Block == 0;
}

Nf4Rounding::Nf4Rounding(const RowSource& source) : columns_(source.shape()[1]) {
  require(fits(source.shape()), "rows that are rounded to NF4 are whole blocks");
  Buffer<float> absmax({source.shape().size() / kNf4Block});
  for_each_block(source, [&](std::int64_t at, const float* block, std::int64_t n) {
    absmax[at / kNf4Block] = largest_magnitude(block, n);
  });
  absmax_ = Nf4Absmax(absmax);
}

void Nf4Rounding::apply(std::int64_t first, std::int64_t n, float* values) const {
  const std::int64_t begin = first * columns_ / kNf4Block, end = (first + n) * columns_ / kNf4Block;
  std::array<std::uint8_t, kNf4Block> codes{};
  for (std::int64_t block = begin; block < end; ++block, values += kNf4Block) {
    (void)find_codes(values, kNf4Block, codes.data());
    const std::array<float, 16> scaled = scaled_levels(absmax_[block]);
    for (std::size_t i = 0; i < codes.size(); ++i) values[i] = scaled[codes[i]];
  }
}

}  // namespace faqsmith
