// The hints by errno.
#include "sys/io_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace faqsmith {
namespace {

const char* hint_for(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "free some disk space and run the same command again: finished work is kept";
    case EROFS:
    case EACCES:
    case EPERM:
      return "choose a folder that you may write to";
    case EEXIST:
    case ENOTDIR:
      return "name another folder";
    case EIO:
      return "check the disk's health, then run the same command again: finished work is kept";
    default:
      return "check that the path exists and that you may read it";
  }
}

}  // namespace

Error io_error(int code, std::string_view doing, const fs::path& path) {
  return {Kind::Io, fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(code)), hint_for(code)};
}

void throw_errno(std::string_view doing, const fs::path& path) {
  throw io_error(errno, doing, path);
}

}  // namespace faqsmith
