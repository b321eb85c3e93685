// The existence check comes first: opening would create an empty database.
#include "app/open.h"

#include <fmt/format.h>

#include "base/error.h"

namespace faqsmith {

std::unique_ptr<Database> open_for_reading(const fs::path& workspace) {
  const fs::path path = workspace / "faqsmith.db";
  std::error_code error;
  if (!fs::exists(path, error)) {
    throw Error(Kind::User, fmt::format("{} is no faqsmith workspace", workspace.string()),
                fmt::format("make one with: faqsmith build DOCS -w {}", workspace.string()));
  }
  return std::make_unique<Database>(path);
}

}  // namespace faqsmith
