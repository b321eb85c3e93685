// Attention over the cache. Neighbouring rows of one sequence form a run; a run and key/value head is one piece of
// work. A short run (decoding) multiplies straight from the pages, whose layout is made for it (kv_groups.h); a long
// one (a prompt) copies them to float32 blocks as in attention.cc.
#include "ops/cached_attention.h"

#include <cmath>
#include <vector>

#include "ops/cpu/attention_amx.h"
#include "ops/cpu/block_gemm.h"
#include "ops/cpu/kernel.h"
#include "ops/cpu/kv_groups.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

constexpr std::int64_t kQueryRows = 32;  // queries of a block, and the most of a short run

struct Run {
  std::int64_t begin = 0, end = 0;  // rows of the batch
  std::int64_t n_keys = 0;          // one past the last key that one of them sees
  std::int64_t first_key = 0;       // the first that one of them sees
  AttentionPath path = AttentionPath::ByRun;
};

// Runs of at most max_rows rows, so that a long prompt is several pieces of work.
std::vector<Run> find_runs(std::span<const CacheRow> rows, const Heads& heads, std::int64_t max_rows) {
  std::vector<Run> runs;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(rows.size()); ++i) {
    const CacheRow& row = rows[static_cast<std::size_t>(i)];
    if (runs.empty() || runs.back().end - runs.back().begin == max_rows || row.path == AttentionPath::Single ||
        rows[static_cast<std::size_t>(i - 1)].path != row.path ||
        rows[static_cast<std::size_t>(i - 1)].sequence != row.sequence) {
      runs.push_back({i, i, 0, heads.first_key(row.n_keys - 1), row.path});
    }
    runs.back().end = i + 1;
    runs.back().n_keys = std::max<std::int64_t>(runs.back().n_keys, row.n_keys);
    runs.back().first_key = std::min(runs.back().first_key, heads.first_key(row.n_keys - 1));
  }
  return runs;
}

template <class T>
struct Work {
  const CachedAttention<T>& op;
  Run run;
  std::int64_t kv_head;
  [[nodiscard]] std::int64_t group() const { return op.heads.n_heads / op.heads.n_kv_heads; }
  [[nodiscard]] std::int64_t n_queries() const { return (run.end - run.begin) * group(); }
  // Query i of the run is row i / group, head i % group of the kv head's group.
  [[nodiscard]] std::int64_t row_of(std::int64_t query) const { return run.begin + query / group(); }
  [[nodiscard]] std::int64_t column_of(std::int64_t query) const {
    return (kv_head * group() + query % group()) * op.heads.head_dim;
  }
  // The keys that a query sees, [first, end), counted from the run's first.
  [[nodiscard]] std::int64_t end_key(std::int64_t query) const {
    return op.rows[static_cast<std::size_t>(row_of(query))].n_keys - run.first_key;
  }
  [[nodiscard]] std::int64_t first_key(std::int64_t query) const {
    return op.heads.first_key(op.rows[static_cast<std::size_t>(row_of(query))].n_keys - 1) - run.first_key;
  }
  [[nodiscard]] std::int64_t n_keys() const { return run.n_keys - run.first_key; }
};

template <class T>
KERNEL_INLINE void load_queries(const Work<T>& work, std::int64_t first, std::int64_t n, float* q, std::int64_t dim_p) {
  const std::int64_t dim = work.op.heads.head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  for (std::int64_t i = 0; i < n; ++i) {
    const T* __restrict from =
        work.op.qkv.data + work.row_of(first + i) * work.op.qkv.shape[1] + work.column_of(first + i);
    for (std::int64_t d = 0; d < dim; ++d) q[i * dim_p + d] = scale * load(from + d);
    for (std::int64_t d = dim; d < dim_p; ++d) q[i * dim_p + d] = 0.0f;
  }
}

// Scores become exp(s - max), keys outside [first, end) 0; returns 1 / sum.
KERNEL_INLINE float softmax_row(float* __restrict s, std::int64_t first, std::int64_t end, std::int64_t n) {
  const float max = max_of(s + first, end - first);
  float sum = 0.0f;
  for (std::int64_t j = 0; j < first; ++j) s[j] = 0.0f;
  for (std::int64_t j = first; j < end; ++j) {
    s[j] = fast_exp(s[j] - max);
    sum += s[j];
  }
  for (std::int64_t j = end; j < n; ++j) s[j] = 0.0f;
  return 1.0f / sum;
}

template <class T>
KERNEL_INLINE void store_output(const Work<T>& work, std::int64_t query, const float* __restrict o, float inverse) {
  T* __restrict out = work.op.out.data + work.row_of(query) * work.op.out.shape[1] + work.column_of(query);
  for (std::int64_t d = 0; d < work.op.heads.head_dim; ++d) store(out + d, o[d] * inverse);
}

// Groups that are fetched before they are read, keys and then values.
constexpr std::int64_t kGroupsAhead = 4;

// At most kShortQueries queries; head_dim is a multiple of kBlockColumns.
constexpr std::int64_t kShortQueries = 8;
template <class T, int lanes>
KERNEL_INLINE void short_run(VectorWidth<lanes> width, const Work<T>& work, Scratch& scratch) {
  const std::int64_t dim = work.op.heads.head_dim, m = work.n_queries(), m_p = round_up(m, kBlockRows);
  const std::int64_t begin = work.run.first_key / kGroupRows, end = round_up(work.run.n_keys, kGroupRows) / kGroupRows,
                     n_p = (end - begin) * kGroupRows;
  const std::int64_t before = work.run.first_key - begin * kGroupRows;  // keys of the first group that nobody sees
  const KvGroups<T> groups = groups_of(work.op, work.run.begin, work.kv_head);
  float* const q = scratch.take(m_p * dim);
  float* const s = scratch.take(m_p * n_p);
  float* const o = scratch.take(m_p * dim);
  load_queries(work, 0, m, q, dim);
  std::fill(q + m * dim, q + m_p * dim, 0.0f);
  std::fill(o, o + m_p * dim, 0.0f);
  for (std::int64_t g = begin; g < end; ++g) {
    const std::int64_t ahead = g + kGroupsAhead;
    const T* const next = ahead < end ? groups.key(ahead) : groups.value(std::min(begin + ahead - end, end - 1));
    block_gemm<BlockWrite::Replace>(width, {q, dim, 1}, groups.key(g), kGroupRows, s + (g - begin) * kGroupRows, n_p,
                                    m_p, dim, kGroupRows, next);
  }
  float inverse[kShortQueries];
  for (std::int64_t i = 0; i < m; ++i)
    inverse[i] = softmax_row(s + i * n_p, before + work.first_key(i), before + work.end_key(i), n_p);
  for (std::int64_t g = begin; g < end; ++g) {
    const std::int64_t seen =
        std::min(kGroupRows, work.run.n_keys - g * kGroupRows);  // what follows is not written yet
    block_gemm<BlockWrite::Add>(width, {s + (g - begin) * kGroupRows, n_p, 1}, groups.value(g), dim, o, dim, m_p, seen,
                                dim, groups.value(std::min(g + kGroupsAhead, end - 1)));
  }
  for (std::int64_t i = 0; i < m; ++i) store_output(work, i, o + i * dim, inverse[i]);
}

template <class T, int lanes>
KERNEL_INLINE void long_run(VectorWidth<lanes> width_tag, const Work<T>& work, Scratch& scratch) {
  const std::int64_t dim = work.op.heads.head_dim;
  const std::int64_t k0 = work.run.first_key, n = work.n_keys(), n_p = round_up(n, kBlockColumns),
                     dim_p = round_up(dim, kBlockColumns);
  const KvGroups<T> groups = groups_of(work.op, work.run.begin, work.kv_head);
  float* const k_t = scratch.take(dim * n_p);
  float* const v = scratch.take(n_p * dim_p);
  float* const q = scratch.take(kQueryRows * dim_p);
  float* const s = scratch.take(kQueryRows * n_p);
  float* const o = scratch.take(kQueryRows * dim_p);
  for (std::int64_t j = 0; j < n;) {
    const std::int64_t lane = (k0 + j) % kGroupRows, count = std::min(kGroupRows - lane, n - j);
    const T* __restrict keys = groups.key((k0 + j) / kGroupRows) + lane;
    const T* __restrict values = groups.value((k0 + j) / kGroupRows) + lane * dim;
    for (std::int64_t d = 0; d < dim; ++d) {
      for (std::int64_t i = 0; i < count; ++i) k_t[d * n_p + j + i] = load(keys + d * kGroupRows + i);
    }
    for (std::int64_t i = 0; i < count; ++i, ++j) {
      for (std::int64_t d = 0; d < dim; ++d) v[j * dim_p + d] = load(values + i * dim + d);
      for (std::int64_t d = dim; d < dim_p; ++d) v[j * dim_p + d] = 0.0f;
    }
  }
  for (std::int64_t d = 0; d < dim; ++d) std::fill(k_t + d * n_p + n, k_t + (d + 1) * n_p, 0.0f);
  for (std::int64_t first = 0; first < work.n_queries(); first += kQueryRows) {
    const std::int64_t m = std::min(kQueryRows, work.n_queries() - first), m_p = round_up(m, kBlockRows);
    std::int64_t seen = 0;
    for (std::int64_t i = 0; i < m; ++i) seen = std::max(seen, work.end_key(first + i));
    load_queries(work, first, m, q, dim_p);
    block_gemm<BlockWrite::Replace>(width_tag, {q, dim_p, 1}, k_t, n_p, s, n_p, m_p, dim,
                                    round_up(seen, kBlockColumns));
    float inverse[kQueryRows];
    for (std::int64_t i = 0; i < m; ++i)
      inverse[i] = softmax_row(s + i * n_p, work.first_key(first + i), work.end_key(first + i), seen);
    block_gemm<BlockWrite::Replace>(width_tag, {s, n_p, 1}, v, dim_p, o, dim_p, m_p, seen, dim_p);
    for (std::int64_t i = 0; i < m; ++i) store_output(work, first + i, o + i * dim_p, inverse[i]);
  }
}

std::int64_t scratch_floats(std::int64_t n_keys, std::int64_t dim) {
  const std::int64_t n_p = round_up(n_keys, kBlockColumns), dim_p = round_up(dim, kBlockColumns);
  return 2 * n_p * dim_p + kQueryRows * (2 * dim_p + n_p) + dim_p + 16 * kBlockColumns;
}

}  // namespace

template <class T>
void run(Cpu&, const KvAppend<T>& op) {
  if constexpr (sizeof(T) == 2) {
    if (amx::pages_hold_tiles(op.heads)) return amx::append(op);
  }
  const std::int64_t dim = op.heads.head_dim;
  parallel_for(static_cast<std::int64_t>(op.rows.size()), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const CacheRow& row = op.rows[static_cast<std::size_t>(i)];
      const KvPages<T>& pages = op.sequences[static_cast<std::size_t>(row.sequence)];
      const std::int64_t position = row.n_keys - 1, in_page = position % op.page_rows, lane = in_page % kGroupRows;
      const auto page = static_cast<std::size_t>(position / op.page_rows);
      const T* k = op.qkv.data + i * op.qkv.shape[1] + op.heads.q_width();
      for (std::int64_t head = 0; head < op.heads.n_kv_heads; ++head, k += dim) {
        const std::int64_t group = (head * op.page_rows + in_page - lane) * dim;
        for (std::int64_t d = 0; d < dim; ++d) pages.keys[page][group + d * kGroupRows + lane] = k[d];
        const T* const v = k + op.heads.kv_width();
        std::copy(v, v + dim, pages.values[page] + group + lane * dim);
      }
    }
  });
}
template void run(Cpu&, const KvAppend<float>&);
template void run(Cpu&, const KvAppend<bf16>&);

template <class T>
void run(Cpu&, const CachedAttention<T>& op) {
  constexpr std::int64_t kRunRows = 128;
  const std::vector<Run> runs = find_runs(op.rows, op.heads, kRunRows);
  [[maybe_unused]] const bool tiles = sizeof(T) == 2 && amx::pages_hold_tiles(op.heads);
  parallel_each(static_cast<std::int64_t>(runs.size()) * op.heads.n_kv_heads, [&](std::int64_t index) {
    const Work<T> work{op, runs[static_cast<std::size_t>(index / op.heads.n_kv_heads)], index % op.heads.n_kv_heads};
    if constexpr (sizeof(T) == 2) {
      const amx::CacheHead item{work.run.begin, work.run.end, work.run.n_keys, work.kv_head, work.run.path};
      if (tiles) return amx::can_attend_cached(op.heads) ? amx::attend(op, item) : amx::attend_without_tiles(op, item);
    }
    const Work<T>* const at = &work;
    with_best_isa([=](auto width) KERNEL_LAMBDA {
      Scratch scratch(scratch_floats(at->n_keys(), at->op.heads.head_dim));
      if (at->n_queries() <= kShortQueries && at->run.path != AttentionPath::Block &&
          at->op.heads.head_dim % kBlockColumns == 0) {
        short_run(width, *at, scratch);
      } else {
        long_run(width, *at, scratch);
      }
    });
  });
}
template void run(Cpu&, const CachedAttention<float>&);
template void run(Cpu&, const CachedAttention<bf16>&);

}  // namespace faqsmith
