// How an older database becomes a newer one. Rows are never dropped: a migration adds columns, tables or copies.
#pragma once
#include <span>
#include <string_view>

#include "store/database.h"

namespace faqsmith {

// Raises a database of version `from` to `from + 1`.
struct Migration {
  int from;
  std::string_view sql;
};

// Runs the steps from the version found up to `target`, all in one transaction, and sets user_version and
// meta.schema_version. Throws Error(Input) if a step is missing.
void migrate(Database& db, int found, int target, std::span<const Migration> steps);

}  // namespace faqsmith
