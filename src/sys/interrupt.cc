// sigaction and one atomic flag.
#include "sys/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace faqsmith {
namespace {

volatile std::sig_atomic_t g_interrupts = 0;  // signal handlers can reach nothing but a global

void on_signal(int) {
  if (g_interrupts != 0) _exit(130);
  g_interrupts = 1;
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
  return g_interrupts != 0;
}

}  // namespace faqsmith
