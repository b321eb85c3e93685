// Aligned allocation; large blocks begin at a huge page.
#include "tensor/buffer.h"

#include <fmt/format.h>

#include <algorithm>

#include "sys/memory.h"

namespace faqsmith {

void* allocate_aligned(std::size_t bytes) {
  const bool large = bytes >= 2 * kHugePageBytes;
  const std::size_t alignment = large ? kHugePageBytes : 64;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void* p = std::aligned_alloc(alignment, rounded);
  if (!p) {
    throw Error(Kind::Device, fmt::format("out of memory: {} bytes could not be allocated", bytes),
                "lower train.tokens_per_step or generate.batch, or choose a smaller model");
  }
  if (large) prefer_huge_pages(p, rounded);
  std::memset(p, 0, rounded);
  return p;
}

}  // namespace faqsmith
