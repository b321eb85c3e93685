// oneDNN chooses by rows which kernel runs. On AVX-512 all of them sum along the columns in one order, from 1 to 512
// rows. With AMX they do not: of SmolLM2-135M's products only `down` differs, at 160, 200 and 300 rows; other shapes
// differ at 1 and 2 rows. The trials find out on the processor at hand. Products in float32 and of quantised blocks are
// our own and promise it (ops/panel_matmul.h, ops/quant_matmul.h).
#include "infer/alike_rows.h"

#include <algorithm>
#include <cstring>

#include "base/rng.h"
#include "tensor/buffer.h"

namespace faqsmith {

namespace {

template <class Y>
bool rows_differ(Cpu& cpu, const PackedMatrix& w) {
  constexpr std::int64_t kRows = kTriedRows.rows;
  const std::int64_t in = w.n_in(), out = w.n_out();
  Rng rng(1);
  Buffer<bf16> x({kRows, in});
  for (std::int64_t i = 0; i < x.size(); ++i) x[i] = from_float<bf16>(2.0f * static_cast<float>(rng.uniform()) - 1.0f);
  Buffer<Y> whole({kRows, out}), part({kRows, out});
  launch(cpu, Matmul<bf16, Y>{.x = x.in(), .w = &w, .y = whole.out()});
  for (const std::int64_t m : {1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 96, 100, 127}) {
    const std::int64_t first = kRows - m;  // rows at another place than in the whole
    launch(cpu, Matmul<bf16, Y>{.x = {x.data() + first * in, {m, in}}, .w = &w, .y = {part.data(), {m, out}}});
    const auto n = static_cast<std::size_t>(m * out) * sizeof(Y);
    if (std::memcmp(part.data(), whole.data() + first * out, n) != 0) return true;
  }
  return false;
}

template <class Y>
bool places_differ(Cpu& cpu, const PackedMatrix& w, std::int64_t rows) {
  const std::int64_t in = w.n_in(), out = w.n_out();
  Rng rng(2);
  Buffer<bf16> x({rows, in});
  for (std::int64_t c = 0; c < in; ++c) x[c] = from_float<bf16>(2.0f * static_cast<float>(rng.uniform()) - 1.0f);
  for (std::int64_t i = 1; i < rows; ++i) std::copy(x.data(), x.data() + in, x.data() + i * in);
  Buffer<Y> y({rows, out});
  launch(cpu, Matmul<bf16, Y>{.x = x.in(), .w = &w, .y = y.out()});
  for (std::int64_t i = 1; i < rows; ++i) {
    if (std::memcmp(y.data(), y.data() + i * out, static_cast<std::size_t>(out) * sizeof(Y)) != 0) return true;
  }
  return false;
}

// Whether `differ` holds of a packed one of the products, with results as float32 or as bf16.
template <class F>
bool any_differ(std::span<const InferLinear* const> linears, F differ) {
  return std::any_of(linears.begin(), linears.end(), [&](const InferLinear* linear) {
    const PackedMatrix& packed = linear->packed();
    return !packed.empty() && (differ(packed, 0.0f) || differ(packed, bf16{}));
  });
}

}  // namespace

RowTiles row_tiles_for(Cpu& cpu, std::span<const InferLinear* const> linears) {
  const bool differ = any_differ(linears, [&]<class Y>(const PackedMatrix& w, Y) { return rows_differ<Y>(cpu, w); });
  return differ ? padded_tiles_for(cpu, linears) : kTriedRows;
}

RowTiles padded_tiles_for(Cpu& cpu, std::span<const InferLinear* const> linears) {
  for (const std::int64_t rows : {32, 24}) {
    if (!any_differ(linears, [&]<class Y>(const PackedMatrix& w, Y) { return places_differ<Y>(cpu, w, rows); }))
      return {.rows = rows, .padded = true};
  }
  return kSingleRows;
}

std::vector<RowRun> runs_of(std::span<const AttentionPath> paths, Compute compute) {
  constexpr std::size_t kManyRows = 20;  // tiles are faster from here on (docs/decisions/0013)
  const auto n = static_cast<std::int64_t>(paths.size());
  if (compute != Compute::Bf16 || !can_run(QuantKernel::Amx)) return {{.first = 0, .n = n}};
  std::vector<RowRun> runs;
  for (std::int64_t i = 0; i < n; ++i) {
    const AttentionPath path = paths[static_cast<std::size_t>(i)];
    const bool on_tiles = path == AttentionPath::Block || (path == AttentionPath::ByRun && paths.size() >= kManyRows);
    const QuantKernel kernel = on_tiles ? QuantKernel::Amx : QuantKernel::Best;
    if (runs.empty() || runs.back().kernel != kernel) runs.push_back({.first = i, .n = 0, .kernel = kernel});
    ++runs.back().n;
  }
  return runs;
}

template <class T, class Y>
void multiply_alike(Cpu& cpu, const InferLinear& linear, In<T> x, Out<Y> y, RowTiles tiles,
                    std::span<const RowRun> runs) {
  const std::int64_t in = x.shape[1], out = y.shape[1];
  if (linear.is_quantised()) {
    for (const RowRun& run : runs) {
      linear.multiply<T, Y>(cpu, {x.data + run.first * in, {run.n, in}}, {y.data + run.first * out, {run.n, out}},
                            run.kernel);
    }
    return;
  }
  if (linear.packed().empty() || tiles.rows == 0) return linear.multiply<T, Y>(cpu, x, y);
  for (std::int64_t first = 0; first < x.shape[0]; first += tiles.rows) {
    const std::int64_t n = tiles.padded ? tiles.rows : std::min(tiles.rows, x.shape[0] - first);
    linear.multiply<T, Y>(cpu, {x.data + first * in, {n, in}}, {y.data + first * out, {n, out}});
  }
}
template void multiply_alike(Cpu&, const InferLinear&, In<float>, Out<float>, RowTiles, std::span<const RowRun>);
template void multiply_alike(Cpu&, const InferLinear&, In<bf16>, Out<bf16>, RowTiles, std::span<const RowRun>);
template void multiply_alike(Cpu&, const InferLinear&, In<bf16>, Out<float>, RowTiles, std::span<const RowRun>);

}  // namespace faqsmith
