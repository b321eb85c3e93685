// madvise.
#include "sys/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace faqsmith {

void prefer_huge_pages(void* memory, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  (void)madvise(memory, bytes, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}

void release_mapped(const void* map, std::size_t bytes) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(map) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(map) + bytes) / page * page;
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace faqsmith
