// The version of the oneDNN that is loaded: for --version and doctor.
#pragma once
#include <string>

namespace faqsmith {

[[nodiscard]] std::string onednn_version();  // "2.6.3"

}  // namespace faqsmith
