// What this binary is: version, commit of the build, and the path through the processor that it will take.
#pragma once
#include <string>

namespace faqsmith {

[[nodiscard]] std::string version_line();  // "0.1.0 (a0f6ec1, Release)"
void print_version(bool json);

}  // namespace faqsmith
