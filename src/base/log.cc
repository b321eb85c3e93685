// The only user of spdlog's headers. The logger is the one piece of process-wide state: a log has one owner, the
// process.
#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/error.h"

namespace faqsmith {
namespace {

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warning:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void open_log(const std::string& path, LogLevel level) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    logger() = std::make_shared<spdlog::logger>("faqsmith", sink);
  } catch (const spdlog::spdlog_ex& e) {
    throw Error(Kind::Io, "cannot open the log file " + path + ": " + e.what(),
                "check the folder's permissions and free space");
  }
  logger()->set_level(to_spdlog(level));
  logger()->flush_on(spdlog::level::warn);
}

void log(LogLevel level, std::string_view line) {
  if (logger()) logger()->log(to_spdlog(level), line);
}

}  // namespace faqsmith
