// One sentence and one hint for a failed call of the operating system that reads or writes files.
#pragma once
#include <filesystem>
#include <string_view>

#include "base/error.h"

namespace faqsmith {

namespace fs = std::filesystem;

// Error(Io) "cannot <doing> <path>: <what errno says>", with what to do about that errno.
[[noreturn]] void throw_errno(std::string_view doing, const fs::path& path);
[[nodiscard]] Error io_error(int code, std::string_view doing, const fs::path& path);  // the same of a given errno

}  // namespace faqsmith
