// The program behind main(): parses, runs one command, turns errors into one sentence and an exit code.
// Exit codes: 0 done; 2 a wrong flag, setting or order of commands; 1 any other failure; 130 interrupted.
#pragma once

namespace faqsmith {

int run_cli(int argc, char** argv);

}  // namespace faqsmith
