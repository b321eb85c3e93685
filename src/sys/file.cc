// POSIX calls behind file.h: the only place that writes files crash-safely.
#include "sys/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "sys/folder.h"
#include "sys/io_error.h"
#include "sys/map_guard.h"

namespace faqsmith {
namespace {

int open_or_throw(const fs::path& path, int flags, std::string_view doing) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) throw_errno(doing, path);
  return fd;
}

std::size_t regular_size(int fd, const fs::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_errno("stat", path);
  if (!S_ISREG(info.st_mode)) throw Error(Kind::Input, path.string() + " is not a regular file", "name a file");
  return static_cast<std::size_t>(info.st_size);
}

}  // namespace

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  const int fd = open_or_throw(path, O_RDONLY, "read");
  std::string out;
  try {
    const std::size_t size = regular_size(fd, path);
    if (size > max_bytes) {
      throw Error(Kind::Input, fmt::format("{} has {} bytes, more than the {} allowed", path.string(), size, max_bytes),
                  "split the file or leave it out");
    }
    out.resize(size);
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::read(fd, out.data() + done, size - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_errno("read", path);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    out.resize(done);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
  return out;
}

std::string sha256_file(const fs::path& path) {
  const int fd = open_or_throw(path, O_RDONLY, "read");
  Sha256 hash;
  try {
    (void)regular_size(fd, path);
    std::string piece(std::size_t{1} << 20, '\0');
    for (;;) {
      const ssize_t n = ::read(fd, piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_errno("read", path);
      if (n == 0) break;
      hash.update({piece.data(), static_cast<std::size_t>(n)});
    }
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
  return hash.hex();
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(path_.string() + ".part") {
  fd_ = open_or_throw(temporary_, O_WRONLY | O_CREAT | O_TRUNC, "write");
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  if (buffer_.size() + bytes > kBufferBytes) flush();
  if (bytes > kBufferBytes) {
    write_through(data, bytes);  // a tensor of gigabytes is not copied first
  } else {
    buffer_.append(static_cast<const char*>(data), bytes);
  }
  size_ += bytes;
}

void AtomicFile::flush() {
  write_through(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void AtomicFile::write_through(const void* data, std::size_t bytes) const {
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t n = ::write(fd_, from, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("write", temporary_);
    from += n;
    bytes -= static_cast<std::size_t>(n);
  }
}

void AtomicFile::commit() {
  flush();
  if (::fsync(fd_) != 0) throw_errno("sync", temporary_);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) throw_errno("close", temporary_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_errno("rename to", path_);
  sync_folder(path_.has_parent_path() ? path_.parent_path() : ".");
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  fd_ = open_or_throw(path, O_RDONLY, "open");
  try {
    size_ = regular_size(fd_, path);
    if (size_ == 0) throw Error(Kind::Input, path.string() + " is empty", "download or export the file again");
    void* map = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd_, 0);
    if (map == MAP_FAILED) throw_errno("map", path);
    data_ = static_cast<const std::byte*>(map);
    guard_map(data_, size_, path.string());
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

MappedFile::~MappedFile() {
  if (data_) {
    unguard_map(data_);
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
  if (fd_ >= 0) ::close(fd_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      fd_(std::exchange(other.fd_, -1)) {}

void MappedFile::revalidate() const {
  if (regular_size(fd_, path_) < size_) {
    throw Error(Kind::Input, path_.string() + " was truncated while it was in use", "copy the file again and restart");
  }
}

}  // namespace faqsmith
