// madvise, /proc and the cgroup's limits.
#include "sys/memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace faqsmith {
namespace {

// Small pseudo-files that report no size: read_file() would find them empty.
std::string slurp(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// "MemTotal:   24041836 kB"
std::uint64_t line_bytes(const std::string& text, const std::string& name) {
  const std::size_t at = text.find(name);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + name.size(), nullptr, 10) * 1024;
}

}  // namespace

void prefer_huge_pages(void* memory, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  (void)madvise(memory, bytes, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}

void return_free_memory() {
#ifdef __GLIBC__
  (void)malloc_trim(0);
#endif
}

void release_mapped(const void* map, std::size_t bytes) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(map);
  const auto begin = (address + page - 1) / page * page, end = (address + bytes) / page * page;
  if (begin >= end) return;
  auto* const first = static_cast<char*>(const_cast<void*>(map)) + (begin - address);
  (void)::madvise(first, end - begin, MADV_DONTNEED);
}

MemoryFacts memory_facts() {
  const std::string text = slurp("/proc/meminfo");
  MemoryFacts facts{line_bytes(text, "MemTotal:"), line_bytes(text, "MemAvailable:")};
  const std::string limit = slurp("/sys/fs/cgroup/memory.max");
  const std::string used = slurp("/sys/fs/cgroup/memory.current");
  if (!limit.empty() && limit[0] >= '0' && limit[0] <= '9') {
    const std::uint64_t bytes = std::strtoull(limit.c_str(), nullptr, 10);
    const std::uint64_t taken = std::strtoull(used.c_str(), nullptr, 10);
    facts.total_bytes = std::min(facts.total_bytes, bytes);
    facts.available_bytes = std::min(facts.available_bytes, bytes > taken ? bytes - taken : 0);
  }
  return facts;
}

ProcessMemory process_memory() {
  const std::string text = slurp("/proc/self/status");
  return {.anonymous_bytes = line_bytes(text, "RssAnon:"),
          .mapped_bytes = line_bytes(text, "RssFile:"),
          .peak_bytes = line_bytes(text, "VmHWM:")};
}

}  // namespace faqsmith
