// Shell completion from the command table: commands, flags, values of flags, setting keys, files.
#pragma once
#include <string>
#include <string_view>

namespace faqsmith {

// shell: bash, zsh or fish. Throws Error(User) for any other.
[[nodiscard]] std::string completion_script(std::string_view shell);

}  // namespace faqsmith
