// POSIX calls behind append_file.h.
#include "sys/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sys/io_error.h"

namespace faqsmith {

AppendFile::AppendFile(fs::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) throw_errno("write", path_);
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

void AppendFile::append(std::string_view record) {
  while (!record.empty()) {
    const ssize_t n = ::write(fd_, record.data(), record.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("write", path_);
    record.remove_prefix(static_cast<std::size_t>(n));
  }
}

void AppendFile::sync() {
  if (::fsync(fd_) != 0) throw_errno("sync", path_);
}

}  // namespace faqsmith
