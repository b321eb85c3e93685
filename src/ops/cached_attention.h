// Attention of new tokens over a paged key/value cache (Kwon et al. 2023, arXiv 2309.06180), for one layer, and the
// copy that puts new keys and values into it. Pages may be shared between sequences (a common prefix); the cache owner
// decides.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "ops/attention.h"

namespace faqsmith {

// One sequence's pages for one layer: key j lies in pages[j / page_rows], each page page_rows * kv_width elements of T.
// How they lie inside a page is KvAppend's own affair: share and copy whole pages only, and fill a page from its first
// row on. page_rows is a multiple of kPageGranularity. A cache without paging has one page a sequence.
constexpr std::int64_t kPageGranularity = 16;
template <class T>
struct KvPages {
  std::span<T* const> keys;
  std::span<T* const> values;
};

// In which order a row's sums are taken. ByRun is the fastest: rows that stand beside each other share their loads, so
// the last bits depend on how many there are. With the others a row's result depends on the row alone.
enum class AttentionPath : std::uint8_t {
  ByRun,
  Block,  // through blocks: many rows of one sequence
  Single  // a row by itself: decoding
};

// What a row of the batch belongs to. Rows of one sequence should be neighbours: they are then computed together.
struct CacheRow {
  std::int32_t sequence = 0;  // index into `sequences`
  std::int32_t n_keys = 0;    // keys that this row sees, its own included (its position + 1)
  AttentionPath path = AttentionPath::ByRun;
};

// Copies each row's k and v to position n_keys - 1 of its sequence.
template <class T>
struct KvAppend {
  In<T> qkv;  // [m, qkv_width], after Rope
  Heads heads;
  std::span<const CacheRow> rows;  // [m]
  std::span<const KvPages<T>> sequences;
  std::int64_t page_rows = 0;
};

template <class T>
struct CachedAttention {
  In<T> qkv;  // [m, qkv_width], after Rope; only the q part is read
  Heads heads;
  std::span<const CacheRow> rows;         // [m]
  std::span<const KvPages<T>> sequences;  // already hold the rows' own keys: KvAppend comes first
  std::int64_t page_rows = 0;
  Out<T> out;  // [m, q_width]
};

template <class T>
void validate_rows(const std::span<const CacheRow>& rows, const std::span<const KvPages<T>>& sequences,
                   std::int64_t page_rows) {
  require(page_rows > 0 && page_rows % kPageGranularity == 0, "KvPages: page_rows is a multiple of 16");
  for (const CacheRow& row : rows) {
    require(row.sequence >= 0 && row.sequence < static_cast<std::int64_t>(sequences.size()),
            "CacheRow: sequence exists");
    const KvPages<T>& pages = sequences[static_cast<std::size_t>(row.sequence)];
    const auto held = static_cast<std::int64_t>(std::min(pages.keys.size(), pages.values.size())) * page_rows;
    require(row.n_keys >= 1 && row.n_keys <= held, "CacheRow: n_keys lies within the sequence's pages");
  }
}

template <class T>
void validate(const KvAppend<T>& op) {
  validate_heads(op.heads);
  const auto m = static_cast<std::int64_t>(op.rows.size());
  require(op.qkv.shape == Shape{m, op.heads.qkv_width()}, "KvAppend: qkv is [m, qkv_width]");
  validate_rows(op.rows, op.sequences, op.page_rows);
}

template <class T>
void validate(const CachedAttention<T>& op) {
  validate_heads(op.heads);
  const auto m = static_cast<std::int64_t>(op.rows.size());
  require(op.qkv.shape == Shape{m, op.heads.qkv_width()}, "CachedAttention: qkv is [m, qkv_width]");
  require(op.out.shape == Shape{m, op.heads.q_width()}, "CachedAttention: out is [m, q_width]");
  validate_rows(op.rows, op.sequences, op.page_rows);
}

template <class T>
void run(Cpu& cpu, const KvAppend<T>& op);  // float, bf16
template <class T>
void run(Cpu& cpu, const CachedAttention<T>& op);

}  // namespace faqsmith
