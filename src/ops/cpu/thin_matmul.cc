// Which products are thin, the loops around the kernels of both types, and the float32 kernel.
#include "ops/cpu/thin_matmul.h"

#include <algorithm>
#include <cstring>

#include "ops/cpu/float_rows.h"
#include "sys/parallel.h"

namespace faqsmith::thin {

namespace {

// AMX multiplies thin operands faster from whole tiles, zeros and all.
bool has_kernel(Compute compute) {
  return compute == Compute::F32 || usable_isa() == Isa::Avx512Bf16;
}

std::int64_t pair_of(Compute compute) {
  return compute == Compute::Bf16 ? 2 : 1;
}

// Steps in which the panel has anything: [begin, end), both 0 if there is none.
template <class T>
PanelGroup nonzero_steps(const T* panel, std::int64_t step, std::int64_t n_steps) {
  const auto is_zero = [&](std::int64_t s) {
    std::uint64_t words[kPanel * kPair<T> * sizeof(T) / 8], any = 0;
    std::memcpy(words, panel + s * step, sizeof words);
    for (const std::uint64_t word : words) any |= word;
    return any == 0;
  };
  PanelGroup range{.end = n_steps};
  while (range.end > 0 && is_zero(range.end - 1)) --range.end;
  while (range.begin < range.end && is_zero(range.begin)) ++range.begin;
  return range;
}

}  // namespace

bool suits(Compute compute, std::int64_t reads, std::int64_t writes, const Blocking& blocking) {
  if (std::min(reads, writes) > kWidest || !has_kernel(compute)) return false;
  if (blocking.rows == 1) return compute == Compute::F32 && blocking.column_stride == 1 && writes % kPanel == 0;
  return blocking.pair == pair_of(compute) && blocking.columns % kPanel == 0 &&
         blocking.row_stride == blocking.rows * blocking.columns;
}

bool suits_gradient(Compute compute, std::int64_t out, std::int64_t in) {
  return compute == Compute::Bf16 && std::min(out, in) <= kWidest && has_kernel(compute);
}

Panels panels_of(Compute compute, std::int64_t writes, const Blocking& blocking, const void* data,
                 std::span<const PanelGroup> groups) {
  if (blocking.rows == 1)
    return {.data = data, .step = blocking.row_stride, .strip = writes, .strip_stride = 0, .groups = groups};
  return {.data = data,
          .step = blocking.columns * pair_of(compute),
          .strip = blocking.columns,
          .strip_stride = blocking.column_stride,
          .groups = groups};
}

std::vector<PanelGroup> nonzero_groups(Compute compute, std::int64_t reads, std::int64_t writes,
                                       const Blocking& blocking, const void* data) {
  const Panels w = panels_of(compute, writes, blocking, data, {});
  const std::int64_t n_steps = (reads + pair_of(compute) - 1) / pair_of(compute);
  std::vector<PanelGroup> panels(static_cast<std::size_t>(padded(writes) / kPanel)), groups;
  parallel_for(static_cast<std::int64_t>(panels.size()), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      panels[static_cast<std::size_t>(p)] = compute == Compute::Bf16
                                                ? nonzero_steps(panel_at<bf16>(w, p), w.step, n_steps)
                                                : nonzero_steps(panel_at<float>(w, p), w.step, n_steps);
    }
  });
  for (std::int64_t p = 0; p < static_cast<std::int64_t>(panels.size()); ++p) {
    const PanelGroup& now = panels[static_cast<std::size_t>(p)];
    const bool joins = !groups.empty() && groups.back().count < kPanels && groups.back().begin == now.begin &&
                       groups.back().end == now.end && p * kPanel % w.strip != 0;
    if (joins) {
      ++groups.back().count;
    } else {
      groups.push_back({.first = p, .count = 1, .begin = now.begin, .end = now.end});
    }
  }
  return groups;
}

template <class T, class Y>
void multiply(const Matmul<T, Y>& op, const Panels& w) {
  const std::int64_t m = op.x.shape[0], reads = op.w->reads(), columns = op.w->writes();
  parallel_for((m + kRows<T> - 1) / kRows<T>, [&](std::int64_t begin, std::int64_t end) {
    // The last step of an odd number of rows would read what lies behind x.
    const bool copies = reads % kPair<T> != 0;
    std::vector<T> copy(copies ? static_cast<std::size_t>(kRows<T> * (reads + 1)) : 0);
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t i = block * kRows<T>;
      RowsJob<T, Y> job{.x = op.x.data + i * op.x.shape[1] + op.x_column,
                        .x_stride = op.x.shape[1],
                        .y = op.y.data + i * op.y.shape[1] + op.y_column,
                        .y_stride = op.y.shape[1],
                        .n_rows = std::min(kRows<T>, m - i),
                        .columns = columns,
                        .add = op.write == Write::Add};
      if (copies) {
        for (std::int64_t r = 0; r < job.n_rows; ++r)
          std::copy_n(job.x + r * job.x_stride, reads, copy.data() + r * (reads + 1));
        job.x = copy.data();
        job.x_stride = reads + 1;
      }
      rows_times_panels(job, w);
    }
  });
}

void rows_times_panels(const RowsJob<float, float>& job, const Panels& w) {
  FloatRows rows{.step = w.step,
                 .x = job.x,
                 .x_stride = job.x_stride,
                 .y_stride = job.y_stride,
                 .n_rows = job.n_rows,
                 .add = job.add};
  for (const PanelGroup& group : w.groups) {
    rows.begin = group.begin;
    rows.end = group.end;
    for (std::int64_t p = group.first; p < group.first + group.count; ++p) {
      rows.w = panel_at<float>(w, p);
      rows.y = job.y + p * kPanel;
      rows.columns = std::min(kPanel, job.columns - p * kPanel);
      faqsmith::multiply(rows);
    }
  }
}

template void multiply(const Matmul<float, float>&, const Panels&);
template void multiply(const Matmul<bf16, bf16>&, const Panels&);
template void multiply(const Matmul<bf16, float>&, const Panels&);

}  // namespace faqsmith::thin
