// A library to preload into the real binary: it counts every operation that changes files under one folder, makes the
// chosen ones fail, and records all of them with their bytes. It sees SQLite, libstdc++ and our own calls alike. Only
// for tests: io_fault_test.py (failing writes) and power_loss_test.py (what a crash may leave of the recorded ones).
//
// IO_ROOT: the folder (absolute). IO_RECORD: a file outside of it; one record an operation, see record().
// IO_FAIL_AT: the operation (from 1) that fails, with errno IO_ERRNO; with IO_LASTING=1 all later ones fail too.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

namespace {

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

struct Plan {
  std::string root = environment("IO_ROOT");
  long fail_at = std::atol(environment("IO_FAIL_AT").c_str());  // 0: never
  int code = std::atoi(environment("IO_ERRNO").c_str());
  bool lasting = environment("IO_LASTING") == "1";
  int record_fd = -1;
  std::atomic<long> n_done = 0;
  std::mutex mutex;  // of the record
  Plan() {
    const std::string path = environment("IO_RECORD");
    static auto* const real_open = next<int(const char*, int, ...)>("open");
    if (!path.empty()) record_fd = real_open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
};

Plan& plan() {
  static Plan the_plan;
  return the_plan;
}

std::string path_of(int fd) {
  char path[4096];
  const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return n < 0 ? "" : std::string(path, static_cast<std::size_t>(n));
}

std::string path_at(int folder, const char* name) {
  if (name[0] == '/') return name;
  char here[4096];
  const std::string base = folder == AT_FDCWD ? (::getcwd(here, sizeof here) ? here : "") : path_of(folder);
  return base + "/" + name;
}

bool is_watched(const std::string& path) {
  const std::string& root = plan().root;
  return !root.empty() && path.compare(0, root.size(), root) == 0 &&
         (path.size() == root.size() || path[root.size()] == '/');
}

// Counts an operation; true: it is to fail, and errno says how.
bool fails() {
  Plan& p = plan();
  const long number = ++p.n_done;
  if (p.fail_at == 0 || number < p.fail_at || (number > p.fail_at && !p.lasting)) return false;
  errno = p.code;
  return true;
}

unsigned long inode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

unsigned long inode_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

struct Operation {
  const char* name;
  unsigned long inode = 0;
  std::string path = {}, target = {};
  long offset = 0;
  const void* data = nullptr;
  std::size_t bytes = 0;
};

// "nothing" is an operation that changed nothing, such as opening a file that is there: it counts as well.
// One line "name inode offset bytes path target", separated by tabs, then the bytes as they are and a line's end.
void record(const Operation& op) {
  Plan& p = plan();
  if (p.record_fd < 0) return;
  const int before = errno;
  std::string text = std::string(op.name) + '\t' + std::to_string(op.inode) + '\t' + std::to_string(op.offset) + '\t' +
                     std::to_string(op.bytes) + '\t' + op.path + '\t' + op.target + '\n';
  text.append(static_cast<const char*>(op.data), op.data ? op.bytes : 0);
  text += '\n';
  static auto* const real_write = next<ssize_t(int, const void*, std::size_t)>("write");
  const std::lock_guard lock(p.mutex);
  if (real_write(p.record_fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::abort();
  errno = before;
}

long write_offset(int fd) {
  if ((::fcntl(fd, F_GETFL) & O_APPEND) != 0) {
    struct stat info {};
    return ::fstat(fd, &info) == 0 ? info.st_size : 0;
  }
  return ::lseek(fd, 0, SEEK_CUR);
}

// real(size): the call itself. A disk that fills up first takes a part of what it is given.
template <class Real>
ssize_t watched_write(int fd, const void* data, std::size_t size, long offset, const Real& real) {
  const std::string path = path_of(fd);
  if (!is_watched(path)) return real(size);
  const bool first = plan().n_done + 1 == plan().fail_at;
  if (fails()) {
    if (errno != ENOSPC || !first || size < 2) return -1;
    size /= 2;
  }
  const ssize_t n = real(size);
  record({n > 0 ? "write" : "nothing", inode_of(fd), path, {}, offset, data, n > 0 ? static_cast<std::size_t>(n) : 0});
  return n;
}

// open()'s third argument is there only where a file may be made, with a name or without.
mode_t mode_in(int flags, va_list list) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

template <class Real>
int watched_open(int folder, const char* name, int flags, const Real& real) {
  const std::string path = path_at(folder, name);
  const bool writes = (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0;
  if (!writes || !is_watched(path)) return real();
  const bool there = inode_of(path) != 0;
  if (fails()) return -1;
  const int fd = real();
  const char* what = fd < 0 ? "nothing" : !there ? "create" : (flags & O_TRUNC) != 0 ? "truncate" : "nothing";
  record({what, fd < 0 ? 0 : inode_of(fd), path});
  return fd;
}

template <class Real>
int watched_fd(const char* what, int fd, long offset, const Real& real) {
  const std::string path = path_of(fd);
  if (!is_watched(path)) return real();
  if (fails()) return -1;
  const int result = real();
  record({result == 0 ? what : "nothing", inode_of(fd), path, {}, offset});
  return result;
}

template <class Real>
int watched_entry(const char* what, const std::string& path, const std::string& target, const Real& real) {
  if (!is_watched(path)) return real();
  if (fails()) return -1;
  const int result = real();
  record({result == 0 ? what : "nothing", inode_of(target.empty() ? path : target), path, target});
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open");
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_in(flags, list);
  va_end(list);
  return watched_open(AT_FDCWD, path, flags, [&] { return real(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open64");
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_in(flags, list);
  va_end(list);
  return watched_open(AT_FDCWD, path, flags, [&] { return real(path, flags, mode); });
}

int openat(int folder, const char* path, int flags, ...) {
  static auto* const real = next<int(int, const char*, int, ...)>("openat");
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_in(flags, list);
  va_end(list);
  return watched_open(folder, path, flags, [&] { return real(folder, path, flags, mode); });
}

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  return watched_write(fd, data, size, write_offset(fd), [&](size_t n) { return real(fd, data, n); });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static auto* const real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return watched_write(fd, data, size, offset, [&](size_t n) { return real(fd, data, n, offset); });
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static auto* const real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return watched_write(fd, data, size, offset, [&](size_t n) { return real(fd, data, n, offset); });
}

int ftruncate(int fd, off_t size) __THROW {
  static auto* const real = next<int(int, off_t)>("ftruncate");
  return watched_fd("truncate", fd, size, [&] { return real(fd, size); });
}

int ftruncate64(int fd, off64_t size) __THROW {
  static auto* const real = next<int(int, off64_t)>("ftruncate64");
  return watched_fd("truncate", fd, size, [&] { return real(fd, size); });
}

int fsync(int fd) {
  static auto* const real = next<int(int)>("fsync");
  return watched_fd("sync", fd, 0, [&] { return real(fd); });
}

int fdatasync(int fd) {
  static auto* const real = next<int(int)>("fdatasync");
  return watched_fd("sync", fd, 0, [&] { return real(fd); });
}

int rename(const char* from, const char* to) __THROW {
  static auto* const real = next<int(const char*, const char*)>("rename");
  return watched_entry("rename", path_at(AT_FDCWD, from), path_at(AT_FDCWD, to), [&] { return real(from, to); });
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned int flags) __THROW {
  static auto* const real = next<int(int, const char*, int, const char*, unsigned int)>("renameat2");
  return watched_entry((flags & RENAME_EXCHANGE) != 0 ? "exchange" : "rename", path_at(from_folder, from),
                       path_at(to_folder, to), [&] { return real(from_folder, from, to_folder, to, flags); });
}

int unlink(const char* path) __THROW {
  static auto* const real = next<int(const char*)>("unlink");
  return watched_entry("remove", path_at(AT_FDCWD, path), {}, [&] { return real(path); });
}

int rmdir(const char* path) __THROW {
  static auto* const real = next<int(const char*)>("rmdir");
  return watched_entry("remove", path_at(AT_FDCWD, path), {}, [&] { return real(path); });
}

int remove(const char* path) __THROW {
  static auto* const real = next<int(const char*)>("remove");
  return watched_entry("remove", path_at(AT_FDCWD, path), {}, [&] { return real(path); });
}

int unlinkat(int folder, const char* path, int flags) __THROW {
  static auto* const real = next<int(int, const char*, int)>("unlinkat");
  return watched_entry("remove", path_at(folder, path), {}, [&] { return real(folder, path, flags); });
}

int mkdir(const char* path, mode_t mode) __THROW {
  static auto* const real = next<int(const char*, mode_t)>("mkdir");
  return watched_entry("mkdir", path_at(AT_FDCWD, path), {}, [&] { return real(path, mode); });
}

}  // extern "C"
