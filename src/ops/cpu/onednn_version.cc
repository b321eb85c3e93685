// Asks the library that runs, not the headers that were compiled against.
#include "ops/onednn_version.h"

#include <dnnl.h>
#include <fmt/format.h>

namespace faqsmith {

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

}  // namespace faqsmith
