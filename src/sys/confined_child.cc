// The filter is compiled before the fork, so that the child only makes system calls. Its one execve is allowed by the
// address of its path, which no later program can know; whatever is not on the list fails as if the kernel did not have
// it.
#include "sys/confined_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxErrorBytes = 64 << 10;
constexpr int kPoll_ms = 100;
constexpr rlim_t kMaxFiles = 64;

// What a reader of bytes on standard input needs, dynamic loader included.
constexpr auto kAllowed = std::to_array<int>({
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(tgkill),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fcntl),
    SCMP_SYS(poll),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(fadvise64),
    SCMP_SYS(restart_syscall),
});

[[noreturn]] void throw_unconfined(std::string_view why) {
  throw Error(Kind::Device, fmt::format("this machine cannot confine a reader of untrusted files: {}", why),
              "use a Linux with seccomp, or convert such files to text first");
}

struct Owned {  // a file descriptor
  int fd = -1;
  Owned() = default;
  explicit Owned(int open_fd) : fd(open_fd) {}
  ~Owned() { reset(); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  void reset() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

struct Pipe {
  Owned read_end, write_end;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw Error(Kind::Io, "cannot make a pipe", "close some programs and try again");
    read_end.fd = fds[0];
    write_end.fd = fds[1];
  }
};

// The program's path on a page of its own, at an address that the kernel chose at random.
class HiddenPath {
 public:
  explicit HiddenPath(const std::string& path) {
    void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || path.size() >= kPage) throw_unconfined("no memory");
    text_ = static_cast<char*>(page);
    std::memcpy(text_, path.c_str(), path.size() + 1);
  }
  ~HiddenPath() { ::munmap(text_, kPage); }
  HiddenPath(const HiddenPath&) = delete;
  HiddenPath& operator=(const HiddenPath&) = delete;
  [[nodiscard]] const char* get() const { return text_; }

 private:
  static constexpr std::size_t kPage = 4096;
  char* text_ = nullptr;
};

using Program = std::vector<sock_filter>;

// libseccomp writes its program to a file; a memory file keeps it in the process.
Program export_program(scmp_filter_ctx context) {
  const Owned file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (file.fd < 0 || seccomp_export_bpf(context, file.fd) != 0) throw_unconfined("libseccomp gives no filter");
  const off_t size = ::lseek(file.fd, 0, SEEK_END);
  Program program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (program.empty() || ::pread(file.fd, program.data(), static_cast<std::size_t>(size), 0) != size) {
    throw_unconfined("libseccomp gives no filter");
  }
  return program;
}

Program make_filter(const char* program_path) {
  const scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (!context) throw_unconfined("libseccomp does not work");
  int failed = 0;
  for (const int call : kAllowed) failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, call, 0);
  // Files open for reading only.
  constexpr scmp_datum_t kWrites = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
  failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, kWrites, 0));
  failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, kWrites, 0));
  failed |=
      seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, 0x5401));  // TCGETS: isatty()
  // Limits may be asked for, not set.
  failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
  const auto address = static_cast<scmp_datum_t>(reinterpret_cast<std::uintptr_t>(program_path));
  failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(execve), 1, SCMP_A0(SCMP_CMP_EQ, address));
  failed |= seccomp_rule_add(context, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve), 1, SCMP_A0(SCMP_CMP_NE, address));
  // Libraries try a socket to look up names, and go on without one.
  failed |= seccomp_rule_add(context, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
  for (const int call : {SCMP_SYS(execveat), SCMP_SYS(ptrace)}) {
    failed |= seccomp_rule_add(context, SCMP_ACT_KILL_PROCESS, call, 0);
  }
  Program program;
  try {
    if (failed != 0) throw_unconfined("libseccomp refuses a rule");
    program = export_program(context);
  } catch (...) {
    seccomp_release(context);
    throw;
  }
  seccomp_release(context);
  return program;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : split(path ? path : "/usr/bin:/bin", ':')) {
    std::string full = fmt::format("{}/{}", folder, name);
    if (::access(full.c_str(), X_OK) == 0) return full;
  }
  throw Error(Kind::Device, fmt::format("the program {} is not installed", name),
              name == "pdftotext" ? "install it: apt install poppler-utils" : "install it");
}

int make_input(std::string_view input) {
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  std::size_t done = 0;
  while (fd >= 0 && done < input.size()) {
    const ssize_t n = ::write(fd, input.data() + done, input.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  if (fd < 0 || done < input.size() || ::lseek(fd, 0, SEEK_SET) != 0) {
    if (fd >= 0) ::close(fd);
    throw Error(Kind::Io, "not enough memory for a copy of the file", "close some programs and try again");
  }
  return fd;
}

// All that the child needs, made before the fork: after it, only system calls.
struct Plan {
  const char* path = nullptr;
  std::vector<char*> argv, environment;
  Program filter;
  ConfinedLimits limits;
  int in = -1, out = -1, err = -1, status = -1;
};

bool set_limit(int resource, rlim_t value) {
  const rlimit limit{value, value};
  return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0;
}

[[noreturn]] void become_program(const Plan& plan) {
  bool ok = ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::setsid() > 0 && ::chdir("/") == 0;
  ok = ok && ::dup2(plan.in, 0) == 0 && ::dup2(plan.out, 1) == 1 && ::dup2(plan.err, 2) == 2;
  ok = ok && set_limit(RLIMIT_AS, plan.limits.memory_bytes) && set_limit(RLIMIT_FSIZE, 0) && set_limit(RLIMIT_CORE, 0);
  ok = ok && set_limit(RLIMIT_CPU, static_cast<rlim_t>(plan.limits.cpu_seconds)) && set_limit(RLIMIT_NOFILE, kMaxFiles);
  ok = ok && ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;  // nothing of the parent's
  const sock_fprog filter{static_cast<unsigned short>(plan.filter.size()),
                          const_cast<sock_filter*>(plan.filter.data())};
  // The status pipe closes by itself when the program starts; a byte in it says that it did not.
  ok =
      ok && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
  if (ok) ::execve(plan.path, plan.argv.data(), plan.environment.data());
  const char failed = ok ? 'e' : 'c';
  const ssize_t written = ::write(plan.status, &failed, 1);
  ::_exit(written == 1 ? 126 : 125);
}

class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ > 0) {
      kill();
      (void)wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void kill() const { ::kill(pid_, SIGKILL); }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

// Reads what is there; false at the end of the stream.
bool drain(Owned& pipe, std::string& into, std::size_t limit) {
  std::array<char, 1 << 16> buffer;
  const ssize_t n = ::read(pipe.fd, buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (n <= 0) {
    pipe.reset();
    return false;
  }
  if (into.size() < limit) into.append(buffer.data(), std::min(static_cast<std::size_t>(n), limit - into.size()));
  return true;
}

// Until both pipes end or a limit is met.
ConfinedEnd collect_output(Owned& out, Owned& err, const ConfinedLimits& limits, ConfinedResult& result) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(limits.wall_seconds);
  while (out.fd >= 0 || err.fd >= 0) {
    stop_if_interrupted();
    if (std::chrono::steady_clock::now() > deadline) return ConfinedEnd::TimeOut;
    std::array<pollfd, 2> fds = {pollfd{out.fd, POLLIN, 0}, pollfd{err.fd, POLLIN, 0}};  // poll ignores -1
    if (::poll(fds.data(), fds.size(), kPoll_ms) <= 0) continue;
    if (fds[0].revents != 0) drain(out, result.output, limits.output_bytes + 1);
    if (fds[1].revents != 0) drain(err, result.errors, kMaxErrorBytes);
    if (result.output.size() > limits.output_bytes) {
      result.output.resize(limits.output_bytes);
      return ConfinedEnd::TooMuchOutput;
    }
  }
  return ConfinedEnd::Exited;
}

void judge_status(int status, ConfinedResult& result) {
  if (WIFEXITED(status)) {
    result.exit_code = WEXITSTATUS(status);
  } else if (WIFSIGNALED(status) && result.end == ConfinedEnd::Exited) {
    const int signal = WTERMSIG(status);
    result.end = signal == SIGXCPU  ? ConfinedEnd::TimeOut
                 : signal == SIGSYS ? ConfinedEnd::Denied
                                    : ConfinedEnd::Crashed;
    // At its hard limit of processor time the kernel kills with SIGKILL; nobody else does before we close.
    if (signal == SIGKILL) result.end = ConfinedEnd::TimeOut;
  }
}

}  // namespace

ConfinedResult run_confined(const std::vector<std::string>& argv, std::string_view input,
                            const ConfinedLimits& limits) {
  require(!argv.empty(), "a program has a name");
  const HiddenPath path(find_program(argv[0]));
  const Owned in(make_input(input));
  Pipe out, err, status;
  Plan plan;
  plan.path = path.get();
  plan.filter = make_filter(plan.path);
  plan.limits = limits;
  plan.in = in.fd;
  plan.out = out.write_end.fd;
  plan.err = err.write_end.fd;
  plan.status = status.write_end.fd;
  for (const std::string& argument : argv) plan.argv.push_back(const_cast<char*>(argument.c_str()));
  plan.argv.push_back(nullptr);
  static char locale[] = "LC_ALL=C.UTF-8";
  plan.environment = {locale, nullptr};
  const pid_t pid = ::fork();
  if (pid < 0) throw Error(Kind::Io, "cannot start another process", "close some programs and try again");
  if (pid == 0) become_program(plan);
  Child child(pid);
  out.write_end.reset();
  err.write_end.reset();
  status.write_end.reset();
  std::string failure;
  while (drain(status.read_end, failure, 1)) {
  }
  if (failure == "c") throw_unconfined("its kernel refuses the limits");
  if (failure == "e")
    throw Error(Kind::Device, fmt::format("cannot start {}", argv[0]), "check that it is installed for this machine");
  ConfinedResult result;
  result.end = collect_output(out.read_end, err.read_end, limits, result);
  if (result.end != ConfinedEnd::Exited) child.kill();
  judge_status(child.wait(), result);
  return result;
}

}  // namespace faqsmith
