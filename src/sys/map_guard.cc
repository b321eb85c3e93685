// The handler may only read plain memory and call write and _exit, so ranges stand in a fixed table; more maps than it
// holds are simply not named.
#include "sys/map_guard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <mutex>

namespace faqsmith {
namespace {

struct Range {
  volatile std::uintptr_t begin, end;  // end 0: free
  char path[512];
};

constexpr std::size_t kRanges = 64;
std::array<Range, kRanges> g_ranges{};  // a signal handler can reach nothing but a global
std::mutex g_mutex;                     // of writers; the handler only reads

template <std::size_t n>
void say(const char (&text)[n]) {
  (void)!::write(STDERR_FILENO, text, n - 1);
}

void on_bus_error(int, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (const Range& range : g_ranges) {
    if (at < range.begin || at >= range.end) continue;
    say("\nerror: ");
    std::size_t length = 0;
    while (length < sizeof range.path && range.path[length] != '\0') ++length;
    (void)!::write(STDERR_FILENO, range.path, length);
    say(" was cut short while it was read\n  copy the file again and run the same command: finished work is kept\n");
    ::_exit(1);
  }
  std::signal(SIGBUS, SIG_DFL);  // not one of ours: the instruction runs again and ends as it would have
}

}  // namespace

void install_map_guard() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

void guard_map(const void* begin, std::size_t bytes, std::string_view path) {
  const std::lock_guard lock(g_mutex);
  const auto free = std::find_if(g_ranges.begin(), g_ranges.end(), [](const Range& r) { return r.end == 0; });
  if (free == g_ranges.end()) return;
  const std::size_t length = std::min(path.size(), sizeof free->path - 1);
  std::copy_n(path.data(), length, free->path);
  free->path[length] = '\0';
  free->begin = reinterpret_cast<std::uintptr_t>(begin);
  free->end = free->begin + bytes;
}

void unguard_map(const void* begin) {
  const std::lock_guard lock(g_mutex);
  for (Range& range : g_ranges)
    if (range.end != 0 && range.begin == reinterpret_cast<std::uintptr_t>(begin)) range.end = 0;
}

}  // namespace faqsmith
