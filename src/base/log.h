// The log file (spdlog). The terminal belongs to the CLI's Reporter; library code only logs.
#pragma once
#include <string>
#include <string_view>

namespace faqsmith {

enum class LogLevel { Debug, Info, Warning, Error };

void open_log(const std::string& path, LogLevel level);  // appends; before it, lines are dropped
void log(LogLevel level, std::string_view line);         // thread-safe

}  // namespace faqsmith
