// Bytes as a file without a disk, for code that reads paths.
#pragma once
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

struct MemoryFile {
  MemoryFile(const std::uint8_t* data, std::size_t size) : fd(memfd_create("fuzz", 0)) {
    if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(fd); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return fmt::format("/proc/self/fd/{}", fd); }
  int fd;
};
