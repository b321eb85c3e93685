// Opens a workspace for reading only: status, ask and inspect do not wait for a build that holds the lock (SQLite's WAL
// lets readers in).
#pragma once
#include <memory>

#include "store/database.h"

namespace faqsmith {

// Throws Error(User) if the folder is no workspace.
[[nodiscard]] std::unique_ptr<Database> open_for_reading(const fs::path& workspace);

}  // namespace faqsmith
