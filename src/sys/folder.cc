// POSIX calls behind folder.h, and Linux' exchange of two names.
#include "sys/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "sys/io_error.h"

namespace faqsmith {
namespace {

fs::path parent_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? "." : parent;
}

// A folder cannot be renamed over one that is not empty, but two names can change places.
void exchange(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) throw_errno("rename to", to);
  // Not on this file system: for a moment there is no folder of this name.
  remove_tree(to);
  if (::rename(from.c_str(), to.c_str()) != 0) throw_errno("rename to", to);
}

}  // namespace

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw_errno("open the folder", folder);
  // Some file systems know no fsync of folders; their renames are ordered all the same.
  const int code = ::fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : errno;
  ::close(fd);
  if (code != 0) throw io_error(code, "sync the folder", folder);
}

void make_folders(const fs::path& folder) {
  std::error_code ignored;
  if (folder.empty() || fs::is_directory(folder, ignored)) return;
  if (folder.parent_path() != folder) make_folders(folder.parent_path());
  if (::mkdir(folder.c_str(), 0777) == 0) return sync_folder(parent_of(folder));
  const int code = errno;
  if (!fs::is_directory(folder, ignored)) throw io_error(code, "create the folder", folder);
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) throw io_error(error.value(), "remove", path);
}

void replace_path(const fs::path& from, const fs::path& to) {
  std::error_code ignored;
  const bool folder_there = fs::is_directory(to, ignored);
  if (folder_there) {
    exchange(from, to);
  } else if (::rename(from.c_str(), to.c_str()) != 0) {
    throw_errno("rename to", to);
  }
  sync_folder(parent_of(to));
  if (folder_there) remove_tree(from);  // the old one, now under the working name
}

}  // namespace faqsmith
