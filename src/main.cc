// The entry point and nothing else: everything it calls can be linked into tests.
#include "cli/cli.h"
#include "sys/parallel.h"

int main(int argc, char** argv) {
  faqsmith::shorten_waiting(argv);
  return faqsmith::run_cli(argc, argv);
}
