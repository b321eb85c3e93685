// O_TMPFILE where the file system knows it, else a file that is unlinked at once.
#include "sys/scratch_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "sys/io_error.h"

namespace faqsmith {

ScratchFile::ScratchFile(fs::path folder) : folder_(std::move(folder)) {
  fd_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd_ >= 0) return;
  const bool unknown = errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOSYS;
  if (!unknown) throw_errno("write a temporary file in", folder_);
  std::string name = (folder_ / ".scratch-XXXXXX").string();
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) throw_errno("write a temporary file in", folder_);
  if (::unlink(name.c_str()) == 0) return;
  const int why = errno;
  ::close(fd_);
  errno = why;
  throw_errno("remove the name of a temporary file in", folder_);
}

ScratchFile::~ScratchFile() {
  ::close(fd_);
}

void ScratchFile::write(std::size_t offset, const void* data, std::size_t bytes) {
  const auto* from = static_cast<const std::byte*>(data);
  while (bytes > 0) {
    const ssize_t n = ::pwrite(fd_, from, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("write a temporary file in", folder_);
    from += n;
    offset += static_cast<std::size_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
}

void ScratchFile::read(std::size_t offset, void* data, std::size_t bytes) const {
  auto* to = static_cast<std::byte*>(data);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd_, to, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("read a temporary file in", folder_);
    require(n > 0, "a scratch file is read where it was written");
    to += n;
    offset += static_cast<std::size_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
}

}  // namespace faqsmith
