// posix_spawnp with one pipe for both output streams.
#include "sys/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "sys/interrupt.h"

extern char** environ;

namespace faqsmith {
namespace {

constexpr std::size_t kMaxOutputBytes = std::size_t{1} << 20;
constexpr int kPollMs = 200;

pid_t spawn(const std::vector<std::string>& argv, int output_fd) {
  std::vector<char*> pointers;
  for (const auto& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT || error == EACCES) return -1;
  if (error != 0) throw Error(Kind::Io, "cannot start " + argv[0] + ": " + std::strerror(error), "free some memory");
  return pid;
}

// Reads until the child closes the pipe; an interrupt ends the child first.
std::string collect_output(int fd, pid_t pid) {
  std::string output;
  std::array<char, 1 << 14> chunk{};
  for (;;) {
    if (interrupted()) {
      ::kill(pid, SIGTERM);
      return output;
    }
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, kPollMs) <= 0) continue;
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return output;
    output.append(chunk.data(), static_cast<std::size_t>(n));
    if (output.size() > 2 * kMaxOutputBytes) output.erase(0, output.size() - kMaxOutputBytes);
  }
}

}  // namespace

CommandResult run_command(const std::vector<std::string>& argv) {
  require(!argv.empty(), "a command has a name");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(Kind::Io, "cannot make a pipe: " + std::string(std::strerror(errno)));
  CommandResult result;
  pid_t pid = 0;
  try {
    pid = spawn(argv, ends[1]);
  } catch (...) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);
  if (pid > 0) result.output = collect_output(ends[0], pid);
  ::close(ends[0]);
  if (pid < 0) {
    result.exit_code = 127;
    return result;
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  stop_if_interrupted();
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (result.output.size() > kMaxOutputBytes) result.output.erase(0, result.output.size() - kMaxOutputBytes);
  return result;
}

bool program_exists(const std::string& name) {
  const char* path = std::getenv("PATH");
  if (path == nullptr) return false;
  for (const auto folder : split(path, ':')) {
    if (!folder.empty() && ::access((std::string(folder) + "/" + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace faqsmith
