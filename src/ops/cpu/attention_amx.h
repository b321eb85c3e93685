// Attention in bf16 over AMX tiles, or without AMX over the same layouts in AVX512-BF16: the same result as the float32
// blocks of attention.cc, several times faster.
// Probabilities and their gradients are rounded to bf16 before they are multiplied; sums are float32.
#pragma once
#include "ops/attention.h"
#include "ops/cached_attention.h"

namespace faqsmith::amx {

// What one sequence and key/value head is in a batch of packed sequences.
struct SequenceHead {
  std::int64_t begin, length;  // rows of the batch
  std::int64_t kv_head;
};

// Rows of one sequence in a batch over a cache, and one key/value head.
struct CacheHead {
  std::int64_t begin, end;  // rows of the batch
  std::int64_t n_keys;      // the most that one of them sees
  std::int64_t kv_head;
  AttentionPath path;
};

// Packed sequences: AMX or AVX512-BF16 is there, head_dim is a multiple of 32, no window.
[[nodiscard]] bool can_attend(const Heads& heads);
// A cache: the same, but only with AMX.
[[nodiscard]] bool can_attend_cached(const Heads& heads);
// Whether pages hold tiles (see kv_tiles.h): with AMX, and with AVX512-BF16 alone.
[[nodiscard]] bool pages_hold_tiles(const Heads& heads);

void attend(const Attention<bf16>& op, SequenceHead item);
// Only if pages_hold_tiles(), attend() only with AMX.
void attend(const CachedAttention<bf16>& op, CacheHead item);
void attend_without_tiles(const CachedAttention<bf16>& op, CacheHead item);
void append(const KvAppend<bf16>& op);
void attend_grad(const AttentionGrad<bf16>& op, SequenceHead item);

}  // namespace faqsmith::amx
