// The bf16 kernel of thin products: pairs of rows, summed in float32 by AVX-512 with BF16.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/cpu/avx512.h"
#include "ops/cpu/thin_matmul.h"
#include "sys/parallel.h"
#include "tensor/buffer.h"

namespace faqsmith::thin {

#if defined(__x86_64__)

namespace {

constexpr std::int64_t kStrip = 2 * kPanel;  // columns of a gradient's wide side that are worked on at once
// Rows that are summed before the gradient is touched: their copies stay in the first cache.
constexpr std::int64_t kSumRows = 256;
// Rows that are fetched ahead: their lines lie too far apart for the processor to guess.
constexpr std::int64_t kAhead = 16;

// c [n_rows, columns <= 16 n_panels] (=, +=) scale * a b: row i of a begins at a[i], its pairs a_step elements apart; a
// line of b is n_panels times 16 pairs.
template <class C>
struct Tile {
  const bf16* a[kRows<bf16>] = {};
  std::int64_t a_step = 0;
  const bf16* b = nullptr;
  std::int64_t b_step = 0, begin = 0, end = 0;
  C* c = nullptr;
  std::int64_t c_stride = 0, n_rows = 0, columns = 0;
  float scale = 1;
  bool add = false;
};

AVX512_INLINE __m512bh broadcast_pair(const bf16* p) {
  std::int32_t pair;
  std::memcpy(&pair, p, sizeof pair);
  return (__m512bh)_mm512_set1_epi32(pair);
}

AVX512_INLINE void write(float* c, __m512 sum, __mmask16 lanes, bool add) {
  if (add) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, c));
  _mm512_mask_storeu_ps(c, lanes, sum);
}
AVX512_INLINE void write(bf16* c, __m512 sum, __mmask16 lanes, bool add) {
  if (add) {
    const __m256i before = _mm256_maskz_loadu_epi16(lanes, c);
    sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(before), 16)));
  }
  _mm256_mask_storeu_epi16(c, lanes, avx512::to_bf16(sum));
}

template <int n_panels, class C>
AVX512_INLINE void multiply_tile(const Tile<C>& t) {
  __m512 sum[kRows<bf16>][n_panels];
#pragma GCC unroll 8
  for (int i = 0; i < kRows<bf16>; ++i) {
#pragma GCC unroll 3
    for (int p = 0; p < n_panels; ++p) sum[i][p] = _mm512_setzero_ps();
  }
  const bf16* const a0 = t.a[0];
  const bf16* const a1 = t.a[1];
  const bf16* const a2 = t.a[2];
  const bf16* const a3 = t.a[3];
  const bf16* const a4 = t.a[4];
  const bf16* const a5 = t.a[5];
  const bf16* const a6 = t.a[6];
  const bf16* const a7 = t.a[7];
  const std::int64_t a_step = t.a_step, b_step = t.b_step;
  const bf16* b = t.b + t.begin * b_step;
  for (std::int64_t s = t.begin * a_step; s < t.end * a_step; s += a_step, b += b_step) {
    __m512bh line[n_panels];
#pragma GCC unroll 3
    for (int p = 0; p < n_panels; ++p) line[p] = (__m512bh)_mm512_loadu_si512(b + p * kPanel * 2);
    const bf16* const rows[kRows<bf16>] = {a0 + s, a1 + s, a2 + s, a3 + s, a4 + s, a5 + s, a6 + s, a7 + s};
#pragma GCC unroll 8
    for (int i = 0; i < kRows<bf16>; ++i) {
      const __m512bh pair = broadcast_pair(rows[i]);
#pragma GCC unroll 3
      for (int p = 0; p < n_panels; ++p) sum[i][p] = _mm512_dpbf16_ps(sum[i][p], pair, line[p]);
    }
  }
  const __m512 scale = _mm512_set1_ps(t.scale);
#pragma GCC unroll 8
  for (int i = 0; i < kRows<bf16>; ++i) {
    if (i >= t.n_rows) break;
#pragma GCC unroll 3
    for (int p = 0; p < n_panels; ++p) {
      write(t.c + i * t.c_stride + p * kPanel, _mm512_mul_ps(sum[i][p], scale),
            avx512::first_lanes(t.columns - p * kPanel), t.add);
    }
  }
}

template <class C>
AVX512_INLINE void multiply_tile(const Tile<C>& t, std::int64_t n_panels) {
  if (n_panels == 1) return multiply_tile<1>(t);
  if (n_panels == 2) return multiply_tile<2>(t);
  multiply_tile<3>(t);
}

template <class Y>
AVX512_CODE void multiply_rows(const RowsJob<bf16, Y>& job, const Panels& w) {
  Tile<Y> t{.a_step = 2, .b_step = w.step, .c_stride = job.y_stride, .n_rows = job.n_rows, .scale = 1, .add = job.add};
  for (std::int64_t i = 0; i < kRows<bf16>; ++i) t.a[i] = job.x + std::min(i, job.n_rows - 1) * job.x_stride;
  for (const PanelGroup& group : w.groups) {
    const std::int64_t column = group.first * kPanel;
    t.b = panel_at<bf16>(w, group.first);
    t.begin = group.begin;
    t.end = group.end;
    t.c = job.y + column;
    t.columns = job.columns - column;
    multiply_tile(t, group.count);
  }
}

// Two rows of 32 values, interleaved in the order of the columns.
AVX512_INLINE void interleave(__m512i even, __m512i odd, bf16* to) {
  const __m512i order = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
  even = _mm512_permutexvar_epi64(order, even);
  odd = _mm512_permutexvar_epi64(order, odd);
  _mm512_store_si512(to, _mm512_unpacklo_epi16(even, odd));
  _mm512_store_si512(to + kStrip, _mm512_unpackhi_epi16(even, odd));
}

// The gradient's columns (or rows) [first, first + n) of its wide side, n <= kStrip.
struct GradientJob {
  const bf16* wide = nullptr;  // [m, >= first + n]
  std::int64_t wide_stride = 0, m = 0, first = 0, n = 0;
  const bf16* narrow = nullptr;  // pack_narrow()'s
  std::int64_t narrow_width = 0;
  bool wide_is_rows = false;  // dw is [wide, narrow], else [narrow, wide]
  float* dw = nullptr;
  std::int64_t dw_stride = 0;
  float scale = 1;
  bool add = false;
};

AVX512_CODE void sum_strip(const GradientJob& job) {
  alignas(64) bf16 strip[kSumRows * kStrip];
  const auto columns = static_cast<__mmask32>(job.n >= kStrip ? 0xffffffffu : (1u << job.n) - 1u);
  const std::int64_t line = padded(job.narrow_width) * 2;
  for (std::int64_t m0 = 0; m0 < job.m; m0 += kSumRows) {
    const std::int64_t m = std::min(kSumRows, job.m - m0);
    const bf16* from = job.wide + m0 * job.wide_stride + job.first;
    for (std::int64_t i = 0; i < m; i += 2, from += 2 * job.wide_stride) {
      const bf16* const next = from + job.wide_stride;
      _mm_prefetch(from + kAhead * job.wide_stride, _MM_HINT_T0);
      _mm_prefetch(next + kAhead * job.wide_stride, _MM_HINT_T0);
      const __m512i odd = i + 1 < m ? _mm512_maskz_loadu_epi16(columns, next) : _mm512_setzero_si512();
      interleave(_mm512_maskz_loadu_epi16(columns, from), odd, strip + i * kStrip);
    }
    const bf16* const narrow = job.narrow + m0 / 2 * line;
    Tile<float> t{
        .begin = 0, .end = (m + 1) / 2, .c_stride = job.dw_stride, .scale = job.scale, .add = job.add || m0 > 0};
    const bf16* const rows = job.wide_is_rows ? strip : narrow;
    const bf16* const lines = job.wide_is_rows ? narrow : strip;
    t.a_step = job.wide_is_rows ? 2 * kStrip : line;
    t.b_step = job.wide_is_rows ? line : 2 * kStrip;
    const std::int64_t n_rows = job.wide_is_rows ? job.n : job.narrow_width;
    const std::int64_t n_columns = job.wide_is_rows ? job.narrow_width : job.n;
    float* const dw = job.dw + (job.wide_is_rows ? job.first * job.dw_stride : job.first);
    for (std::int64_t r = 0; r < n_rows; r += kRows<bf16>) {
      t.n_rows = std::min(kRows<bf16>, n_rows - r);
      for (std::int64_t i = 0; i < kRows<bf16>; ++i) t.a[i] = rows + 2 * (r + i);  // both are padded to whole tiles
      for (std::int64_t c = 0; c < n_columns; c += kPanels * kPanel) {
        t.b = lines + 2 * c;
        t.columns = n_columns - c;
        t.c = dw + r * job.dw_stride + c;
        multiply_tile(t, std::min(kPanels, padded(t.columns) / kPanel));
      }
    }
  }
}

// The narrow operand [m, width], for all threads: [pairs of rows][padded width], two rows interleaved, zeros where
// there is nothing. The memory is the calling thread's.
const bf16* pack_narrow(const bf16* x, std::int64_t stride, std::int64_t m, std::int64_t width) {
  const std::int64_t pairs = (m + 1) / 2, line = padded(width) * 2;
  thread_local Buffer<bf16> memory;
  if (memory.size() < pairs * line) memory = Buffer<bf16>({pairs * line});
  bf16* const packed = memory.data();
  parallel_for(pairs, [=](std::int64_t begin, std::int64_t end) {
    std::fill(packed + begin * line, packed + end * line, bf16{});
    for (std::int64_t i = 2 * begin; i < std::min(2 * end, m); ++i) {
      const bf16* const from = x + i * stride;
      bf16* const to = packed + i / 2 * line + i % 2;
      for (std::int64_t j = 0; j < width; ++j) to[2 * j] = from[j];
    }
  });
  return packed;
}

}  // namespace

void rows_times_panels(const RowsJob<bf16, bf16>& job, const Panels& w) {
  multiply_rows(job, w);
}
void rows_times_panels(const RowsJob<bf16, float>& job, const Panels& w) {
  multiply_rows(job, w);
}

void weight_gradient(const MatmulWeightGrad<bf16>& op) {
  const std::int64_t out = op.dw.shape[0], in = op.dw.shape[1];
  const bool wide_is_rows = in <= out;
  const bf16* const dy = op.dy.data + op.dy_column;
  const bf16* const x = op.x.data + op.x_column;
  const std::int64_t narrow_width = std::min(out, in), width = std::max(out, in);
  GradientJob job{.wide = wide_is_rows ? dy : x,
                  .wide_stride = wide_is_rows ? op.dy.shape[1] : op.x.shape[1],
                  .m = op.x.shape[0],
                  .narrow_width = narrow_width,
                  .wide_is_rows = wide_is_rows,
                  .dw = op.dw.data,
                  .dw_stride = in,
                  .scale = op.scale,
                  .add = op.write == Write::Add};
  job.narrow = wide_is_rows ? pack_narrow(x, op.x.shape[1], job.m, narrow_width)
                            : pack_narrow(dy, op.dy.shape[1], job.m, narrow_width);
  parallel_for((width + kStrip - 1) / kStrip, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t strip = begin; strip < end; ++strip) {
      GradientJob mine = job;
      mine.first = strip * kStrip;
      mine.n = std::min(kStrip, width - mine.first);
      sum_strip(mine);
    }
  });
}

#else

namespace {
[[noreturn]] void refuse() {
  throw Error(Kind::Internal, "thin products in bf16 run on x86-64 only");
}
}  // namespace
void rows_times_panels(const RowsJob<bf16, bf16>&, const Panels&) {
  refuse();
}
void rows_times_panels(const RowsJob<bf16, float>&, const Panels&) {
  refuse();
}
void weight_gradient(const MatmulWeightGrad<bf16>&) {
  refuse();
}

#endif

}  // namespace faqsmith::thin
