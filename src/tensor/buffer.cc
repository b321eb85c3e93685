// Aligned allocation.
#include "tensor/buffer.h"

#include <fmt/format.h>

namespace faqsmith {

void* allocate_aligned(std::size_t bytes) {
  const std::size_t rounded = (bytes + 63) / 64 * 64;
  void* p = std::aligned_alloc(64, rounded == 0 ? 64 : rounded);
  if (!p) {
    throw Error(Kind::Device, fmt::format("out of memory: {} bytes could not be allocated", bytes),
                "lower train.tokens_per_step or generate.batch, or choose a smaller model");
  }
  std::memset(p, 0, rounded);
  return p;
}

}  // namespace faqsmith
