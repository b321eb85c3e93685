// oneDNN chooses by rows which kernel runs, yet all of them sum along the columns in one order: measured alike on
// AVX-512 in float32 and bf16 from 1 to 512 rows. The trial stands for processors and kernels that were not measured.
// Products of quantised blocks promise it (ops/quant_matmul.h).
#include "infer/alike_rows.h"

#include <cstring>

#include "base/rng.h"
#include "tensor/buffer.h"

namespace faqsmith {

template <class T, class Y>
std::int64_t tile_rows_for(Cpu& cpu, const InferLinear& linear) {
  constexpr std::int64_t kRows = 128;
  if (linear.is_quantised()) return 0;
  const std::int64_t in = linear.n_in(), out = linear.n_out();
  Rng rng(1);
  Buffer<T> x({kRows, in});
  for (std::int64_t i = 0; i < x.size(); ++i) x[i] = from_float<T>(2.0f * static_cast<float>(rng.uniform()) - 1.0f);
  Buffer<Y> whole({kRows, out}), part({kRows, out});
  linear.multiply<T, Y>(cpu, x.in(), whole.out());
  for (const std::int64_t m : {1, 2, 5, 16, 33, 100}) {
    const std::int64_t first = kRows - m;  // rows at another place than in the whole
    linear.multiply<T, Y>(cpu, {x.data() + first * in, {m, in}}, {part.data(), {m, out}});
    const auto n = static_cast<std::size_t>(m * out) * sizeof(Y);
    if (std::memcmp(part.data(), whole.data() + first * out, n) != 0) return kTileRows;
  }
  return 0;
}
template std::int64_t tile_rows_for<float, float>(Cpu&, const InferLinear&);
template std::int64_t tile_rows_for<bf16, bf16>(Cpu&, const InferLinear&);
template std::int64_t tile_rows_for<bf16, float>(Cpu&, const InferLinear&);

template <class T, class Y>
void multiply_alike(Cpu& cpu, const InferLinear& linear, In<T> x, Out<Y> y, std::int64_t tile_rows) {
  if (tile_rows == 0) return linear.multiply<T, Y>(cpu, x, y);
  const std::int64_t in = x.shape[1], out = y.shape[1];
  for (std::int64_t first = 0; first < x.shape[0]; first += tile_rows)
    linear.multiply<T, Y>(cpu, {x.data + first * in, {tile_rows, in}}, {y.data + first * out, {tile_rows, out}});
}
template void multiply_alike(Cpu&, const InferLinear&, In<float>, Out<float>, std::int64_t);
template void multiply_alike(Cpu&, const InferLinear&, In<bf16>, Out<bf16>, std::int64_t);
template void multiply_alike(Cpu&, const InferLinear&, In<bf16>, Out<float>, std::int64_t);

}  // namespace faqsmith
