// Ctrl-C and SIGTERM as a flag that long loops ask. A second Ctrl-C ends the process at once.
#pragma once

namespace faqsmith {

void install_interrupt_handlers();  // once, by main
[[nodiscard]] bool interrupted();   // async-signal-safe flag
// Thrown by loops that stop because of it; main turns it into exit code 130 and says how to go on.
struct Interrupted {};
inline void stop_if_interrupted() {
  if (interrupted()) throw Interrupted{};
}

}  // namespace faqsmith
