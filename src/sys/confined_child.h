// A program that reads hostile input, run where it can do no harm: no network, no new programs, no writing of files,
// bounded memory, time and output (setrlimit and seccomp). For trusted tools see sys/command.h.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

struct ConfinedLimits {
  std::size_t memory_bytes = std::size_t{1} << 30;    // of address space
  std::size_t output_bytes = std::size_t{256} << 20;  // of standard output
  int cpu_seconds = 30;
  int wall_seconds = 90;
};

enum class ConfinedEnd {
  Exited,   // exit_code says how
  Crashed,  // by a signal of its own: broken input, or out of memory
  Denied,   // killed because it tried what is forbidden
  TimeOut,
  TooMuchOutput,
};

struct ConfinedResult {
  ConfinedEnd end = ConfinedEnd::Exited;
  int exit_code = 0;
  std::string output;  // standard output, as far as it came
  std::string errors;  // standard error, at most 64 KiB
};

// argv[0] is looked up in PATH; input is its standard input, a private copy that it can seek in. Ctrl-C ends the child
// and throws Interrupted. Throws Error(Device) if the program is missing or this machine cannot confine it: then it is
// not run at all.
[[nodiscard]] ConfinedResult run_confined(const std::vector<std::string>& argv, std::string_view input,
                                          const ConfinedLimits& limits);

}  // namespace faqsmith
