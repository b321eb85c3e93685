// Help and man page, from the command table.
#pragma once
#include <string>

#include "cli/command_table.h"

namespace faqsmith {

[[nodiscard]] std::string overview_help(bool colour);
[[nodiscard]] std::string command_help(const Command& command, bool colour);
[[nodiscard]] std::string man_page();  // roff, for faqsmith.1

}  // namespace faqsmith
