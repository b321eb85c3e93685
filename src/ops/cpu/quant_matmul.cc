// The op: x to 8 bits, then panels of W over all cores; each panel takes the rows of x in groups while it is in the
// cache. The plain kernel, which the others are held to, is here too.
#include <algorithm>

#include "ops/cpu/quant_amx.h"
#include "ops/cpu/quant_layout.h"
#include "sys/parallel.h"
#include "tensor/quants.h"

namespace faqsmith {

using namespace quant;

namespace quant {
namespace {

template <Format f>
float group_scale(const std::uint8_t* scales, std::int64_t row, std::int64_t group, float& min) {
  const auto half = [&](std::int64_t at) {
    return half_to_float(static_cast<std::uint16_t>(scales[at + 2 * row] | scales[at + 2 * row + 1] << 8));
  };
  const float d = half(0), dmin = f.has_min ? half(kHalves) : 0.0f;
  min = dmin;
  if (!f.is_super) return d;
  const std::uint8_t* const at = scales + (f.has_min ? 2 * kHalves : kHalves) + group * kPanelRows + row;
  if (f.signed_scale) return d * static_cast<float>(static_cast<std::int8_t>(*at));
  min = -dmin * static_cast<float>(f.packed_scale ? *at >> 4 : at[kSuperBlock / f.group * kPanelRows]);
  return d * static_cast<float>(f.packed_scale ? *at & 15 : *at);
}

template <Format f>
void multiply_panel(const std::uint8_t* codes, const std::uint8_t* scales, std::int64_t chunks, const RowSlice& x,
                    float* y) {
  constexpr std::int64_t n_groups = f.groups();
  for (std::int64_t row = 0; row < kPanelRows; ++row) {
    float sum = 0.0f;
    for (std::int64_t c = 0; c < chunks; ++c) {
      const std::uint8_t* const chunk = codes + c * f.chunk_codes();
      const std::uint8_t* const block = scales + c * kChunk / f.block() * f.block_scales();
      for (std::int64_t g = 0; g < n_groups; ++g) {
        std::int32_t dot = 0;
        for (std::int64_t i = g * f.group; i < (g + 1) * f.group; ++i)
          dot += code_at(chunk, f, row, i) * x.codes[c * x.stride * kChunk + i];
        const std::int64_t at = c * x.stride * n_groups + g;
        if (!f.has_min) dot += x.negated_sums[at] * (1 << f.offset_log2);
        float min = 0.0f;
        const float scale = group_scale<f>(block, row, c % kSuperChunks * n_groups + g, min);
        sum += static_cast<float>(dot) * (scale * x.scales[c * x.stride]);
        if (f.has_min) sum += min * x.scaled_sums[at];
      }
    }
    y[row] = sum;
  }
}

}  // namespace

PanelKernel plain_kernel(GgmlType type, std::int64_t n_rows) {
  if (n_rows != 1) return nullptr;
  return for_format(type, [=]<Format f>() -> PanelKernel { return multiply_panel<f>; });
}

}  // namespace quant

namespace {

QuantKernel best_kernel() {
#if !defined(FAQSMITH_SANITIZED)
  if (usable_vnni()) return QuantKernel::Vnni;
  if (usable_isa() >= Isa::Avx2) return QuantKernel::Avx2;
#endif
  return QuantKernel::Plain;
}

PanelKernel find_kernel(QuantKernel kernel, GgmlType type, std::int64_t n_rows) {
  if (kernel == QuantKernel::Vnni) return vnni_kernel(type, n_rows);
  return kernel == QuantKernel::Avx2 ? avx2_kernel(type, n_rows) : plain_kernel(type, n_rows);
}

// A part's kernels by the rows that they take, most first.
struct Ladder {
  PanelKernel kernels[5] = {};
  std::int64_t rows[5] = {};
  int n = 0;
};

Ladder make_ladder(QuantKernel kernel, GgmlType type) {
  Ladder ladder;
  for (const std::int64_t rows : {16, 8, 4, 2, 1}) {
    if (const PanelKernel found = find_kernel(kernel, type, rows)) {
      ladder.kernels[ladder.n] = found;
      ladder.rows[ladder.n++] = rows;
    }
  }
  return ladder;
}

// Sums [n_rows][stride of kWidth], n_columns of them to y.
template <std::int64_t kWidth, class Y>
void store_rows(const float* from, std::int64_t n_rows, std::int64_t n_columns, Y* to, std::int64_t stride) {
  with_best_isa([=](auto) KERNEL_LAMBDA {
    for (std::int64_t i = 0; i < n_rows; ++i) {
      const float* __restrict sums = from + i * kWidth;
      Y* __restrict y = to + i * stride;
      if (n_columns == kWidth) {
        for (std::int64_t c = 0; c < kWidth; ++c) store(y + c, sums[c]);
      } else {
        for (std::int64_t c = 0; c < n_columns; ++c) store(y + c, sums[c]);
      }
    }
  });
}

// One panel times all rows of x.
template <class Y>
void multiply_panel(const Part& part, std::int64_t panel, const Ladder& ladder, const Activations& x, Out<Y> y) {
  const std::uint8_t* const codes = part.panel(panel);
  const std::int64_t column = panel * kPanelRows, n_columns = std::min(kPanelRows, part.rows - column);
  alignas(64) float sums[kGroupRows * kPanelRows];
  for (std::int64_t group = 0; group < x.rows; group += kGroupRows) {
    const std::int64_t size = std::min(kGroupRows, x.rows - group);
    int step = 0;
    for (std::int64_t row = 0; row < size;) {
      while (ladder.rows[step] > size - row) ++step;
      const std::int64_t at = group * x.chunks + row;
      const RowSlice slice{x.codes.data() + at * kChunk,
                           x.scales.data() + at,
                           x.negated_sums.data() + at * x.groups,
                           x.scaled_sums.data() + at * x.groups,
                           size,
                           group + row == 0};
      ladder.kernels[step](codes, codes + part.scales_at, part.chunks, slice, sums);
      store_rows<kPanelRows>(sums, ladder.rows[step], n_columns,
                             y.data + (group + row) * y.shape[1] + part.first_row + column, y.shape[1]);
      row += ladder.rows[step];
    }
  }
}

template <class T, class Y>
void multiply_on_tiles(const QuantMatmul<T, Y>& op) {
  thread_local TileRows x;  // of the calling thread, kept between calls
  const TileRows& rows = x;
  lay_out(op.x, x);
  for (const Part& part : op.w->impl().parts) {
    parallel_for(part.panels(), [&](std::int64_t begin, std::int64_t end) {
      AmxPanels panels(part, rows);
      for (std::int64_t panel = begin; panel < end; panel += AmxPanels::kTogether) {
        const std::int64_t n = std::min(AmxPanels::kTogether, end - panel), column = panel * kPanelRows;
        store_rows<AmxPanels::kColumns>(panels.multiply(panel, n), rows.rows,
                                        std::min(n * kPanelRows, part.rows - column),
                                        op.y.data + part.first_row + column, op.y.shape[1]);
      }
    });
  }
}

}  // namespace

bool can_run(QuantKernel kernel) {
  if (kernel == QuantKernel::Amx) return amx_ready();
  if (kernel == QuantKernel::Vnni) return usable_vnni();
  return kernel != QuantKernel::Avx2 || usable_isa() >= Isa::Avx2;
}

template <class T, class Y>
void run(Cpu&, const QuantMatmul<T, Y>& op) {
  const QuantKernel kernel = op.kernel == QuantKernel::Best ? best_kernel() : op.kernel;
  if (kernel == QuantKernel::Amx) return multiply_on_tiles(op);
  thread_local Activations x;  // of the calling thread, kept between calls
  int quantised_for = 0;
  for (const Part& part : op.w->impl().parts) {
    const int groups = format_of(part.type).groups();
    if (groups != quantised_for) quantise(op.x, groups, x);
    quantised_for = groups;
    const Ladder ladder = make_ladder(kernel, part.type);
    const Activations& rows = x;
    parallel_for(part.panels(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t panel = begin; panel < end; ++panel) multiply_panel(part, panel, ladder, rows, op.y);
    });
  }
}
template void run(Cpu&, const QuantMatmul<float, float>&);
template void run(Cpu&, const QuantMatmul<bf16, bf16>&);
template void run(Cpu&, const QuantMatmul<bf16, float>&);

}  // namespace faqsmith
