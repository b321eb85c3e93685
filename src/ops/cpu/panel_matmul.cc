// A thread's panels take the rows of x in blocks that stay in the second cache, a slice of the columns at a time: the
// slice of 16-bit values is widened into the first cache, one of float32 read where it lies, and all rows of the block
// are multiplied with it.
#include "ops/panel_matmul.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "ops/cpu/float_rows.h"
#include "ops/cpu/kernel.h"
#include "sys/parallel.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kPanelRows = PanelMatrix::kPanelRows, kSliceColumns = PanelMatrix::kSliceColumns;
constexpr std::int64_t kRowsInCache = 96;  // of x: 96 KB a slice

// Slices start at whole lines of the cache: 16 values of 16 bits are half of one.
constexpr std::int64_t even(std::int64_t columns) {
  return (columns + 1) / 2 * 2;
}

using faqsmith::load;
struct Half {
  std::uint16_t bits;
};
KERNEL_INLINE float load(const Half* p) {
  const std::uint32_t sign = static_cast<std::uint32_t>(p->bits & 0x8000u) << 16, rest = (p->bits & 0x7fffu) << 13;
  // The exponent's bias is 112 more. Below the normal numbers the implied one is taken off again.
  constexpr std::uint32_t kOne = 1u << 23, kRebias = 112 * kOne;
  const float tiny = std::bit_cast<float>(rest + kRebias + kOne) - std::bit_cast<float>(kRebias + kOne);
  const std::uint32_t bits = rest < kOne ? std::bit_cast<std::uint32_t>(tiny) : rest + kRebias;
  return std::bit_cast<float>(bits | sign);
}

template <class T>
KERNEL_INLINE void widen(const std::uint8_t* bytes, std::int64_t n, float* __restrict to) {
  const T* const from = reinterpret_cast<const T*>(bytes);
  for (std::int64_t i = 0; i < n; ++i) to[i] = load(from + i);
}
void widen(GgmlType type, const std::uint8_t* from, std::int64_t n, float* to) {
  with_best_isa([=](auto) KERNEL_LAMBDA {
    if (type == GgmlType::BF16) return widen<bf16>(from, n, to);
    widen<Half>(from, n, to);
  });
}

void multiply_panels(const PanelMatmul& op, std::int64_t begin, std::int64_t end) {
  alignas(64) float values[kSliceColumns * kPanelRows];
  const PanelMatrix& w = *op.w;
  const std::int64_t in = w.n_in(), out = w.n_out(), m = op.x.shape[0], step_bytes = kPanelRows * w.element_bytes();
  FloatRows job{.w = values, .x_stride = in, .y_stride = out, .fetch_step = step_bytes};
  for (std::int64_t row = 0; row < m; row += kRowsInCache) {
    job.n_rows = std::min(kRowsInCache, m - row);
    for (std::int64_t column = 0; column < in; column += kSliceColumns) {
      job.end = std::min(kSliceColumns, in - column);
      job.x = op.x.data + row * in + column;
      job.add = column > 0;
      for (std::int64_t panel = begin; panel < end; ++panel) {
        const std::uint8_t* const slice = w.slice(panel, column);
        if (w.type() == GgmlType::F32) {
          job.w = reinterpret_cast<const float*>(slice);
        } else {
          widen(w.type(), slice, job.end * kPanelRows, values);
        }
        job.fetch = slice + even(job.end) * step_bytes;  // the following panel's slice
        job.y = op.y.data + row * out + panel * kPanelRows;
        job.columns = std::min(kPanelRows, out - panel * kPanelRows);
        multiply(job);
      }
    }
  }
}

// Part of a row, to one lane of each column.
void narrow(GgmlType type, const float* from, std::int64_t n, std::uint8_t* to) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (type == GgmlType::F32) {
      std::memcpy(to + i * kPanelRows * 4, from + i, 4);
    } else {
      const std::uint16_t bits = type == GgmlType::F16 ? float_to_half(from[i]) : from_float<bf16>(from[i]).bits;
      std::memcpy(to + i * kPanelRows * 2, &bits, 2);
    }
  }
}

}  // namespace

PanelMatrix::PanelMatrix(GgmlType type, std::span<const RowSource* const> parts, std::shared_ptr<Arena> arena)
    : type_(type) {
  require(type == GgmlType::F32 || type == GgmlType::BF16 || type == GgmlType::F16, "PanelMatrix: a float type");
  require(!parts.empty() && parts[0]->shape().rank == 2, "PanelMatrix: parts are [out_i, in]");
  in_ = parts[0]->shape()[1];
  for (const RowSource* part : parts) {
    require(part->shape().rank == 2 && part->shape()[1] == in_, "PanelMatrix: parts have the same number of columns");
    out_ += part->shape()[0];
  }
  arena_ = arena ? std::move(arena) : std::make_shared<Arena>(0);
  data_ = arena_->take(bytes());
  std::int64_t first = 0;  // of the part, in the stacked matrix
  for (const RowSource* part : parts) {
    const std::int64_t n = part->shape()[0];
    parallel_for(n, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> values(static_cast<std::size_t>(in_));
      for (std::int64_t r = begin; r < end; ++r) {
        part->decode_rows(r, 1, values.data());
        const std::int64_t row = first + r;
        for (std::int64_t column = 0; column < in_; column += kSliceColumns) {
          std::uint8_t* const at = data_ + offset(row / kPanelRows, column) + row % kPanelRows * element_bytes();
          narrow(type_, values.data() + column, std::min(kSliceColumns, in_ - column), at);
        }
      }
    });
    first += n;
  }
}

std::size_t PanelMatrix::bytes() const {
  return static_cast<std::size_t>(n_panels() * kPanelRows * even(in_) * element_bytes());
}

std::int64_t PanelMatrix::offset(std::int64_t panel, std::int64_t column) const {
  const std::int64_t columns = even(std::min(kSliceColumns, in_ - column));
  return (n_panels() * column + panel * columns) * kPanelRows * element_bytes();
}

void run(Cpu&, const PanelMatmul& op) {
  parallel_for(op.w->n_panels(), [&](std::int64_t begin, std::int64_t end) { multiply_panels(op, begin, end); });
}

}  // namespace faqsmith
