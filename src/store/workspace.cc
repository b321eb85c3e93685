// The folder, its lock and its database. The lock belongs to the open file (F_OFD_SETLK): it vanishes with the process,
// however that ends, and a second Workspace of the same process is refused too.
#include "store/workspace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "sys/folder.h"

namespace faqsmith {
namespace {

constexpr const char* kDatabaseName = "faqsmith.db";

std::string holder(int fd) {
  char text[32] = {};
  const ssize_t n = ::pread(fd, text, sizeof(text) - 1, 0);
  return n > 0 ? std::string(trim(std::string_view(text, static_cast<std::size_t>(n)))) : "unknown";
}

int take_lock(const fs::path& folder) {
  const fs::path path = folder / ".lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    throw Error(Kind::Io, fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)),
                "choose a workspace folder that you may write to, with -w FOLDER");
  }
  struct flock whole_file {};
  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &whole_file) != 0) {
    const std::string pid = holder(fd);
    ::close(fd);
    throw Error(Kind::Io, fmt::format("another faqsmith (pid {}) works in the workspace {}", pid, folder.string()),
                "wait until it has finished, or stop it with Ctrl-C: it keeps what is finished");
  }
  // The pid only informs: if a full disk refuses it, the lock holds all the same.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) return fd;
  return fd;
}

}  // namespace

Workspace::Workspace(const fs::path& folder, Mode mode) : folder_(folder) {
  if (mode == Mode::Existing && !fs::exists(folder / kDatabaseName)) {
    throw Error(Kind::User, fmt::format("{} is no faqsmith workspace", folder.string()),
                fmt::format("make one with: faqsmith build DOCUMENTS -w {}", folder.string()));
  }
  make_folders(folder);
  lock_fd_ = take_lock(folder);
  try {
    make_folders(runs());
    db_ = std::make_unique<Database>(folder / kDatabaseName);
  } catch (...) {
    ::close(lock_fd_);
    throw;
  }
}

Workspace::~Workspace() {
  db_.reset();
  ::close(lock_fd_);
}

}  // namespace faqsmith
