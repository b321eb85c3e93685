// Memory: what the operating system should know about large blocks, and what it says about the machine and this
// process.
#pragma once
#include <cstddef>
#include <cstdint>

namespace faqsmith {

inline constexpr std::size_t kHugePageBytes = std::size_t{1} << 21;

// Asks for huge pages for this range, which should begin at a multiple of kHugePageBytes: weights and caches that are
// streamed then miss the address cache less (measured 10 to 18% of inference). A hint: without effect where it is not
// supported.
void prefer_huge_pages(void* memory, std::size_t bytes);

// The pages that lie wholly in this range of a read-only file map need not stay in memory: read again, they come back
// from the file. A hint, like the above.
void release_mapped(const void* map, std::size_t bytes);

// What this process has freed goes back to the system. Between stages: the allocator would keep it in holes that the
// next stage, whose blocks have other sizes, does not fill.
void return_free_memory();

// Of the machine, or of the cgroup where that is less. available: without swapping; the page cache counts as free.
struct MemoryFacts {
  std::uint64_t total_bytes = 0, available_bytes = 0;
};
[[nodiscard]] MemoryFacts memory_facts();

// Of this process. anonymous: its own; mapped: of files, programs and libraries included, which the system may drop and
// read again. 0 where the system does not say.
struct ProcessMemory {
  std::uint64_t anonymous_bytes = 0, mapped_bytes = 0;
  std::uint64_t peak_bytes = 0;  // the largest sum of both so far
};
[[nodiscard]] ProcessMemory process_memory();

}  // namespace faqsmith
