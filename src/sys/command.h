// Runs another program as a child and waits for it: for trusted tools only (pip, python3). Hostile input goes through
// the confined child instead. Never a shell: arguments are passed as they are.
#pragma once
#include <string>
#include <vector>

namespace faqsmith {

struct CommandResult {
  int exit_code = 0;   // 127: the program was not found; 128 + n: ended by signal n
  std::string output;  // standard output and standard error, in the order they came; at most 1 MiB, the end is kept
};

// argv[0] is looked up in PATH. Ctrl-C ends the child and throws Interrupted. Throws Error(Io) if no child can be made.
[[nodiscard]] CommandResult run_command(const std::vector<std::string>& argv);
[[nodiscard]] bool program_exists(const std::string& name);  // somewhere in PATH, executable

}  // namespace faqsmith
