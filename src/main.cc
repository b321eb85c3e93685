// The entry point and nothing else: everything it calls can be linked into tests.
#include "cli/cli.h"

int main(int argc, char** argv) { return faqsmith::run_cli(argc, argv); }
