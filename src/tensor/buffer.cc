// Aligned allocation; large blocks begin at a huge page.
#include "tensor/buffer.h"

#include <fmt/format.h>

#include <algorithm>

#include "sys/memory.h"
#include "tensor/arena.h"

namespace faqsmith {

namespace {

bool is_large(std::size_t bytes) {
  return bytes >= 2 * kHugePageBytes;
}

std::size_t alignment_of(std::size_t bytes) {
  return is_large(bytes) ? kHugePageBytes : 64;
}

struct Memory {
  void* data;
  std::size_t bytes;
};

Memory allocate(std::size_t bytes) {
  const bool large = is_large(bytes);
  const std::size_t alignment = alignment_of(bytes), rounded = allocated_bytes(bytes);
  void* p = std::aligned_alloc(alignment, rounded);
  if (!p) {
    throw Error(Kind::Device, fmt::format("out of memory: {} bytes could not be allocated", bytes),
                "lower train.tokens_per_step or generate.batch, or choose a smaller model");
  }
  if (large) prefer_huge_pages(p, rounded);
  return {p, rounded};
}

}  // namespace

std::size_t allocated_bytes(std::size_t bytes) {
  const std::size_t alignment = alignment_of(bytes);
  return (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
}

void* allocate_aligned(std::size_t bytes) {
  const Memory memory = allocate(bytes);
  std::memset(memory.data, 0, memory.bytes);
  return memory.data;
}

std::uint8_t* Arena::take(std::size_t bytes) {
  constexpr std::size_t kAlignment = 64;
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded > left_) {
    const Memory slab = allocate(std::max(rounded, slab_bytes_));
    next_ = static_cast<std::uint8_t*>(slab.data);
    left_ = slab.bytes;
    slabs_.emplace_back(next_);
  }
  std::uint8_t* const taken = next_;
  std::memset(taken, 0, rounded);
  next_ += rounded;
  left_ -= rounded;
  return taken;
}

}  // namespace faqsmith
