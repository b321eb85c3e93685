// SQLite's result codes as one sentence each, with what to do. For this folder's own files.
#pragma once
#include <string_view>

#include "sys/file.h"

struct sqlite3;

namespace faqsmith {

// doing: what was tried, e.g. "write". Throws Error(Io) for disk, permission and lock trouble, Error(Input) for a
// damaged file, Error(Internal) for a statement that is wrong in itself.
[[noreturn]] void throw_sqlite(sqlite3* db, int code, std::string_view doing);

}  // namespace faqsmith
